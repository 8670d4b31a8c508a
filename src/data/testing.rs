//! What the tests of this folder share: IDX and gzip writers, and a web server on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

/// An IDX file of unsigned bytes.
pub fn idx(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 0x08, dimensions.len() as u8];
    file.extend(dimensions.iter().flat_map(|side| side.to_be_bytes()));
    file.extend(elements);
    file
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// What the server answers to a request.
#[derive(Clone)]
pub struct Answer {
    pub status: &'static str,
    /// The length that the answer declares, if it declares one.
    pub length: Option<usize>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn whole(body: Vec<u8>) -> Self {
        Self { status: "200 OK", length: Some(body.len()), body }
    }

    pub fn not_found() -> Self {
        Self { status: "404 Not Found", ..Self::whole(b"no such file".to_vec()) }
    }
}

/// A web server on loopback, until it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves what `answer` returns for each request's path, each in a thread of its own.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (requests, closing) = (requests.clone(), closing.clone());
            move || {
                std::thread::scope(|scope| {
                    let (requests, answer) = (&requests, &answer);
                    let streams = listener.incoming().take_while(|_| !closing.load(Ordering::SeqCst));
                    for stream in streams {
                        scope.spawn(move || respond(stream.unwrap(), requests, answer));
                    }
                });
            }
        });
        Self { address, requests, closing, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths asked for so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server failed");
        }
    }
}

fn respond(stream: TcpStream, requests: &Mutex<Vec<String>>, answer: impl Fn(&str) -> Answer) {
    let path = read_request(&stream);
    requests.lock().unwrap().push(path.clone());
    send(&stream, &answer(&path));
}

/// Reads a request to the end of its header and returns the path it asks for.
fn read_request(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    let first = lines.next().unwrap();
    lines.find(|line| line.is_empty());
    first.split(' ').nth(1).unwrap().to_owned()
}

/// The client may hang up before all is sent, as when it sees that the body is too large.
fn send(mut stream: &TcpStream, answer: &Answer) {
    let length = answer.length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
    let header = format!("HTTP/1.1 {}\r\n{length}Connection: close\r\n\r\n", answer.status);
    let sent = stream.write_all(header.as_bytes()).and_then(|()| stream.write_all(&answer.body));
    drop(sent);
}
