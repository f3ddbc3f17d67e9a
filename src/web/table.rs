//! Tables to download, for people and their spreadsheets: no cell begins a formula.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;

use super::record::Unanswered;

/// What begins a formula, or is passed over in front of one, in some spreadsheet.
const DANGEROUS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// So many pieces may wait for a browser that reads slowly.
const AHEAD: usize = 4;

/// A cell that no spreadsheet takes for a formula.
pub(super) fn guarded(text: &str) -> String {
    if text.starts_with(DANGEROUS) { format!("'{text}") } else { text.to_owned() }
}

/// The first line of a CSV. Spreadsheets take it for UTF-8 by the mark in front of it.
pub(super) fn begin(headings: &[&str]) -> Bytes {
    let mut text = "\u{feff}".as_bytes().to_vec();
    text.extend_from_slice(&lines([headings.iter().map(|heading| (*heading).to_owned()).collect()]));
    text.into()
}

/// Rows as the lines of a CSV.
pub(super) fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> Bytes {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // Writing into memory doesn't fail, and rows of different lengths aren't made here.
        writer.write_record(row.iter().map(|cell| guarded(cell))).unwrap_or_default();
    }
    writer.into_inner().unwrap_or_default().into()
}

/// A body that broke off: what was received isn't all.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenOff {
    /// The record doesn't go on answering.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// Whoever received it has gone.
    #[error("nobody receives it any more")]
    Gone,
}

/// Where the pieces of a body go.
#[derive(Debug, Clone)]
pub(super) struct Pieces(mpsc::Sender<Bytes>);

impl Pieces {
    /// Sends a piece once there is room for it.
    pub(super) async fn send(&self, piece: impl Into<Bytes>) -> Result<(), BrokenOff> {
        self.0.send(piece.into()).await.map_err(|_| BrokenOff::Gone)
    }
}

type Maker = Pin<Box<dyn Future<Output = Result<(), BrokenOff>> + Send>>;

/// A body that comes piece by piece, made while it is read: by nobody once the reader is gone.
pub(super) struct Feed {
    maker: Option<Maker>,
    pieces: mpsc::Receiver<Bytes>,
    broken: Option<BrokenOff>,
}

impl Feed {
    /// A body out of the pieces that `make` sends. One whose making fails breaks off, so that nobody takes it for whole.
    pub(super) fn body<F>(make: impl FnOnce(Pieces) -> F) -> Body
    where
        F: Future<Output = Result<(), BrokenOff>> + Send + 'static,
    {
        let (sender, pieces) = mpsc::channel(AHEAD);
        Body::new(Self { maker: Some(Box::pin(make(Pieces(sender)))), pieces, broken: None })
    }
}

impl hyper::body::Body for Feed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, BrokenOff>>> {
        if let Some(maker) = self.maker.as_mut()
            && let Poll::Ready(made) = maker.as_mut().poll(cx)
        {
            self.broken = made.err();
            self.maker = None;
        }
        let piece = std::task::ready!(self.pieces.poll_recv(cx));
        Poll::Ready(match piece {
            Some(piece) => Some(Ok(hyper::body::Frame::data(piece))),
            None => self.broken.take().map(Err),
        })
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
        let rows = [
            vec!["Serial Number", "Model"],
            vec!["=HYPERLINK(\"http://evil.example\")", "@SUM(A1)"],
            vec!["+1", "-1"],
            vec!["\t=1", "a,\"b\""],
        ];
        let written = lines(rows.map(|row| row.into_iter().map(str::to_owned).collect()));
        assert_eq!(
            String::from_utf8(written.to_vec()).unwrap(),
            "Serial Number,Model\r\n\
             \"'=HYPERLINK(\"\"http://evil.example\"\")\",'@SUM(A1)\r\n\
             '+1,'-1\r\n\
             '\t=1,\"a,\"\"b\"\"\"\r\n"
        );
    }
}
