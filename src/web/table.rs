//! Tables to download, for people and their spreadsheets: no cell begins a formula.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;

/// What begins a formula, or is passed over in front of one, in some spreadsheet.
const DANGEROUS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// So many pieces may wait for a browser that reads slowly.
const AHEAD: usize = 4;

/// A cell that no spreadsheet takes for a formula.
pub(super) fn guarded(text: &str) -> String {
    if text.starts_with(DANGEROUS) { format!("'{text}") } else { text.to_owned() }
}

/// Rows as the lines of a CSV.
pub(super) fn lines<'a>(rows: impl IntoIterator<Item = Vec<&'a str>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // Writing into memory doesn't fail, and rows of different lengths aren't made here.
        writer.write_record(row.into_iter().map(guarded)).unwrap_or_default();
    }
    writer.into_inner().unwrap_or_default()
}

/// A body that comes piece by piece, made while it is read: by nobody once the reader is gone.
pub(super) struct Feed {
    maker: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pieces: mpsc::Receiver<Bytes>,
}

impl Feed {
    /// A body out of the pieces that `make` sends.
    pub(super) fn new<F: Future<Output = ()> + Send + 'static>(make: impl FnOnce(mpsc::Sender<Bytes>) -> F) -> Body {
        let (sender, pieces) = mpsc::channel(AHEAD);
        Body::new(Self { maker: Some(Box::pin(make(sender))), pieces })
    }
}

impl hyper::body::Body for Feed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        if let Some(maker) = self.maker.as_mut()
            && maker.as_mut().poll(cx).is_ready()
        {
            self.maker = None;
        }
        self.pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(hyper::body::Frame::data(piece))))
    }
}

/// The answer that brings a CSV with this name.
pub(super) fn download(name: &str, body: Body) -> Response {
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        let lines = lines([
            vec!["Serial Number", "Model"],
            vec!["=HYPERLINK(\"http://evil.example\")", "@SUM(A1)"],
            vec!["+1", "-1"],
            vec!["\t=1", "a,\"b\""],
        ]);
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "Serial Number,Model\r\n\
             \"'=HYPERLINK(\"\"http://evil.example\"\")\",'@SUM(A1)\r\n\
             '+1,'-1\r\n\
             '\t=1,\"a,\"\"b\"\"\"\r\n"
        );
    }
}
