//! OpenMetrics 1.0.0 of what the registry gathers. The `prometheus` crate writes Prometheus's text format alone, which has
//! no room for exemplars.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
};

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::super::exemplars::{Exemplar, Exemplars};

/// Suffixes of names that say a unit.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The whole page. `prefix` stands before each name.
pub fn encode(families: &[MetricFamily], prefix: &str, exemplars: &Exemplars) -> String {
    let mut page = String::new();
    for family in families {
        let own = family.name().strip_prefix(prefix).unwrap_or_default();
        if write_family(&mut page, family, &exemplars.of(own)).is_err() {
            // A string takes whatever is written to it.
            debug_assert!(false, "{} cannot be written", family.name());
        }
    }
    page.push_str("# EOF\n");
    page
}

fn write_family(
    page: &mut String,
    family: &MetricFamily,
    exemplars: &HashMap<Vec<String>, Exemplar>,
) -> fmt::Result {
    let (whole, kind) = (family.name(), family.get_field_type());
    // A counter's samples end in `_total`, and its family does not.
    let (name, word) = match kind {
        MetricType::COUNTER => (whole.strip_suffix("_total").unwrap_or(whole), "counter"),
        MetricType::GAUGE => (whole, "gauge"),
        MetricType::HISTOGRAM => (whole, "histogram"),
        _ => (whole, "unknown"),
    };
    writeln!(page, "# TYPE {name} {word}")?;
    let unit = UNITS.iter().find(|unit| name.strip_suffix(**unit).is_some_and(|rest| rest.ends_with('_')));
    if let Some(unit) = unit {
        writeln!(page, "# UNIT {name} {unit}")?;
    }
    writeln!(page, "# HELP {name} {}", escaped(family.help()))?;
    for metric in family.get_metric() {
        let values: Vec<String> = metric.get_label().iter().map(|pair| pair.value().to_owned()).collect();
        match kind {
            MetricType::COUNTER => {
                let value = number(metric.get_counter().get_value());
                write!(page, "{name}_total{} {value}", labels(metric.get_label(), None))?;
                end(page, exemplars.get(&values))?;
            }
            MetricType::HISTOGRAM => write_histogram(page, name, metric, exemplars)?,
            _ => {
                let value = number(metric.get_gauge().get_value());
                writeln!(page, "{name}{} {value}", labels(metric.get_label(), None))?;
            }
        }
    }
    Ok(())
}

fn write_histogram(
    page: &mut String,
    name: &str,
    metric: &Metric,
    exemplars: &HashMap<Vec<String>, Exemplar>,
) -> fmt::Result {
    let histogram = metric.get_histogram();
    let buckets =
        histogram.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
    for (bound, count) in buckets.chain([(f64::INFINITY, histogram.get_sample_count())]) {
        let bound = bound_text(bound);
        write!(page, "{name}_bucket{} {count}", labels(metric.get_label(), Some(&bound)))?;
        end(page, exemplars.get(&vec![bound]))?;
    }
    let own = labels(metric.get_label(), None);
    writeln!(page, "{name}_sum{own} {}", number(histogram.get_sample_sum()))?;
    writeln!(page, "{name}_count{own} {}", histogram.get_sample_count())
}

/// The rest of a sample's line.
fn end(page: &mut String, exemplar: Option<&Exemplar>) -> fmt::Result {
    if let Some(Exemplar { label, id, value, at }) = exemplar {
        let at = at.as_millisecond();
        let (seconds, millis) = (at.div_euclid(1000), at.rem_euclid(1000));
        write!(page, " # {{{label}=\"{}\"}} {} {seconds}.{millis:03}", escaped(id), number(*value))?;
    }
    writeln!(page)
}

fn labels(pairs: &[LabelPair], bound: Option<&str>) -> String {
    let pairs = pairs.iter().map(|pair| format!("{}=\"{}\"", pair.name(), escaped(pair.value())));
    let all: Vec<String> = pairs.chain(bound.map(|bound| format!("le=\"{bound}\""))).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

/// As the format asks for bounds, so that each is written in one way only.
pub fn bound_text(bound: f64) -> String {
    if bound.is_infinite() { "+Inf".to_owned() } else { format!("{bound:?}") }
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        (if value > 0.0 { "+Inf" } else { "-Inf" }).to_owned()
    } else {
        value.to_string()
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
