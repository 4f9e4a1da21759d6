//! Sessions for which nobody is there to answer: a hold would only freeze the job until its own time is over.

/// Which sessions count as unattended. What a rule holds in one of them is denied at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unattended {
    /// Those of a CI job: a variable says so, and there is no controlling terminal.
    #[default]
    Detect,
    Always,
    Never,
}

/// Variables of a job's environment. `CI` is common to nearly all; the others are each one's own, for those that clear it.
const JOBS: [&str; 12] = [
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "CIRCLECI",
    "TF_BUILD",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "BITBUCKET_BUILD_NUMBER",
    "CODEBUILD_BUILD_ID",
    "DRONE",
    "FORGEJO_ACTIONS",
];

impl Unattended {
    /// Why nobody can answer for a session that begins with `env`; `None` where somebody may.
    ///
    /// Opens no door either way: what is not held for a person is denied.
    #[must_use]
    pub fn reason(self, env: &[(String, String)], has_terminal: bool) -> Option<String> {
        match self {
            Self::Never => None,
            Self::Always => Some("unattended = \"always\"".to_owned()),
            Self::Detect if has_terminal => None,
            Self::Detect => {
                let variable =
                    JOBS.iter().find(|job| env.iter().any(|(name, value)| name == *job && is_set(value)))?;
                Some(format!("a CI job ({variable} is set) without a terminal"))
            }
        }
    }
}

fn is_set(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "false" | "no")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_known_by_its_variables_and_by_the_terminal_that_it_lacks() {
        let reason = |unattended: Unattended, (name, value): (&str, &str), terminal| {
            unattended.reason(&[(name.to_owned(), value.to_owned())], terminal)
        };
        let found = reason(Unattended::Detect, ("GITLAB_CI", "true"), false);
        assert_eq!(found.as_deref(), Some("a CI job (GITLAB_CI is set) without a terminal"));
        assert_eq!(reason(Unattended::Detect, ("CI", "1"), true), None, "somebody sits there");
        for value in ["", "0", "false", "False"] {
            assert_eq!(reason(Unattended::Detect, ("CI", value), false), None, "{value}");
        }
        assert_eq!(reason(Unattended::Detect, ("CIRCUS", "true"), false), None);
        assert_eq!(reason(Unattended::Never, ("CI", "true"), false), None);
        assert!(reason(Unattended::Always, ("x", "y"), true).is_some());
    }
}
