//! What is fixed about one simulated system, whether or not it runs.

#[derive(Debug)]
pub struct SimulatedSystem {
    /// As files, the API and host names write it.
    pub name: &'static str,
    /// The service it belongs to in the lab's configuration; the sites of Saeol share one.
    pub service: &'static str,
    /// Korean.
    pub title: &'static str,
    /// The title in English.
    pub english: &'static str,
    /// Names of the systems that it calls while it answers.
    pub needs: &'static [&'static str],
    /// The encoding of its pages and forms.
    pub charset: &'static encoding_rs::Encoding,
    /// Name of its session cookie. The names differ because browsers send a cookie to every port of
    /// a host.
    pub cookie: &'static str,
}

impl PartialEq for SimulatedSystem {
    fn eq(&self, other: &SimulatedSystem) -> bool {
        self.name == other.name
    }
}
