//! A real web server under real load: nginx and wrk.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{arena::Arena, bound, wait};

/// The file of that name in `PATH`, or in the directories that a user's `PATH` leaves out.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A running nginx; dropping it ends it.
pub struct Nginx {
    child: Child,
    wrk: PathBuf,
    url: String,
}

impl Nginx {
    /// # Errors
    /// nginx or wrk is not installed (`apt-get install nginx-light wrk`), or nginx does not start.
    pub fn start(arena: &Arena) -> Result<Self> {
        let (Some(nginx), Some(wrk)) = (find("nginx"), find("wrk")) else {
            bail!("nginx or wrk is not installed");
        };
        let files = arena.path().join("nginx");
        fs::create_dir_all(files.join("pages"))?;
        fs::write(files.join("pages/index.html"), "x".repeat(1024))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        fs::write(files.join("nginx.conf"), configuration(&files, port))?;
        let child = bound::command(&arena.bench, true, &nginx)
            .arg("-e")
            .arg(files.join("error.log"))
            .arg("-c")
            .arg(files.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nginx cannot be started")?;
        let server = Self { child, wrk, url: format!("http://127.0.0.1:{port}/index.html") };
        wait::until("nginx listens", Duration::from_secs(10), || {
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|error| error.to_string()))
        })?;
        Ok(server)
    }

    /// Requests answered in one second, by 16 connections of one thread.
    ///
    /// # Errors
    /// wrk fails, or says something else than before.
    pub fn requests_per_second(&self) -> Result<f64> {
        let output = Command::new(&self.wrk).args(["-t1", "-c16", "-d1s", &self.url]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        let rate = rate.and_then(|rate| rate.trim().parse::<f64>().ok()).filter(|rate| *rate > 0.0);
        rate.with_context(|| format!("wrk says no rate: {text}"))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        bound::end(&mut self.child);
    }
}

fn configuration(files: &Path, port: u16) -> String {
    let files = files.display();
    format!(
        "daemon off;\nmaster_process off;\npid {files}/pid;\nevents {{ worker_connections 256; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000;\n  client_body_temp_path {files}/body;\n  \
         proxy_temp_path {files}/proxy;\n  fastcgi_temp_path {files}/fastcgi;\n  uwsgi_temp_path {files}/uwsgi;\n  \
         scgi_temp_path {files}/scgi;\n  server {{ listen 127.0.0.1:{port}; root {files}/pages; }}\n}}\n"
    )
}
