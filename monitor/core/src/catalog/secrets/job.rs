//! A job's own files: what a runner lays out for the job that it runs, beside the workspace.

use std::path::Path;

use super::set::Secrets;
use crate::catalog::path::normalise;

impl Secrets {
    /// Whether a runner laid the file out for the job that works in `workspace`. Another job's, and another runner's, lie
    /// in other directories.
    #[must_use]
    pub fn is_of_the_job(&self, path: &str, workspace: Option<&Path>) -> bool {
        let path = normalise(path);
        workspace.is_some_and(|workspace| self.jobs.iter().any(|job| job.owns(Path::new(&path), workspace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    #[test]
    fn a_jobs_files_are_those_beside_its_own_workspace() {
        let secrets = Secrets::builtin().unwrap();
        let is_own = |path: &str, workspace: &str| secrets.is_of_the_job(path, Some(Path::new(workspace)));
        for (path, workspace) in [
            ("/home/runner/work/_temp/x/event.json", "/home/runner/work/shop/shop"),
            ("/home/runner/work/_temp/x/event.json", "/home/runner/work/shop/shop/api"),
            ("/srv/r1/_work/_temp/x", "/srv/r1/_work/shop/shop"),
            ("/agent/_work/_temp/x", "/agent/_work/1/s"),
            ("/__w/_temp/x", "/__w/shop/shop"),
            ("/builds/g/shop.tmp/KEY", "/builds/g/shop"),
            ("/var/lib/jenkins/workspace/shop@tmp/secretFiles/1/x", "/var/lib/jenkins/workspace/shop"),
        ] {
            assert!(is_own(path, workspace), "{path} in {workspace}");
        }
        for (path, workspace) in [
            ("/home/other/work/_temp/x", "/home/runner/work/shop/shop"),
            ("/srv/r2/_work/_temp/x", "/srv/r1/_work/shop/shop"),
            ("/home/runner/work/_temp/../other/other/.env", "/home/runner/work/shop/shop"),
            ("/home/runner/work/other/other/.env", "/home/runner/work/shop/shop"),
            ("/builds/g/other.tmp/KEY", "/builds/g/shop"),
            ("/home/ann/shop.tmp/KEY", "/home/ann/shop"),
            ("/home/ann/work/_temp/x", "/home/ann/work"),
        ] {
            assert!(!is_own(path, workspace), "{path} in {workspace}");
        }
        assert!(!secrets.is_of_the_job("/home/runner/work/_temp/x", None));
    }

    #[test]
    fn a_mistake_is_reported_with_its_line() {
        let text = "version: 1\njobs:\n  - { roots: ['**/work'], source: s }\n  - { roots: [], directory: a/b, source: '' }\nentries: []\n";
        let problems: Vec<String> = Secrets::parse(text).unwrap_err().iter().map(Problem::headline).collect();
        let expected = [
            "secrets.yaml:3:5: jobs[0]: the files have no place; expected directory or suffix",
            "secrets.yaml:4:29: jobs[1].directory: found \"a/b\"; expected a name without a slash",
            "secrets.yaml:4:42: jobs[1].source: there is no source; expected text; say where the fact is from",
        ];
        assert_eq!(problems, expected);
    }
}
