//! `multipart/form-data` by hand (RFC 7578), so that a test can also send what no library would.

const BOUNDARY: &str = "a-boundary-of-the-tests";

/// A form on its way.
#[derive(Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// A text field.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), None, value.as_bytes());
        self
    }

    /// The field `file`, of this name.
    pub fn file(self, file_name: &str, bytes: &[u8]) -> Self {
        self.file_in("file", file_name, bytes)
    }

    /// A file under another field.
    pub fn file_in(mut self, field: &str, file_name: &str, bytes: &[u8]) -> Self {
        let about = format!("name=\"{field}\"; filename=\"{file_name}\"");
        self.part(&about, Some("application/octet-stream"), bytes);
        self
    }

    /// The content type and the body.
    pub fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.cut_off()
    }

    /// The same without its end.
    pub fn cut_off(self) -> (String, Vec<u8>) {
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body)
    }

    fn part(&mut self, about: &str, content_type: Option<&str>, bytes: &[u8]) {
        let content_type = content_type.map(|text| format!("Content-Type: {text}\r\n")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {about}\r\n{content_type}\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
    }
}
