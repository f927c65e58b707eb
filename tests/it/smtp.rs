//! A mail server on loopback that does as it is told: it accepts, says no, or hangs up.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the server does with letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes them.
    Accepts,
    /// Answers a verb with a code.
    Refuses(&'static str, u16),
    /// Hangs up on a verb; `.` is the end of a letter.
    HangsUp(&'static str),
}

/// The server.
#[derive(Clone)]
pub struct Server {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    letters: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Listens on a port of its own until the process ends.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, manner: Arc::new(Mutex::new(manner)), letters: Arc::default() };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Who hangs up is served no longer.
                let _ = own.serve(&stream.unwrap());
            }
        });
        server
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what it does.
    pub fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// The letters that came in whole, whatever was answered to them.
    pub fn letters(&self) -> Vec<String> {
        self.letters.lock().unwrap().clone()
    }

    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        stream.write_all(b"220 test ESMTP\r\n")?;
        let mut letter: Option<String> = None;
        while let Some(line) = lines.next().transpose()? {
            let verb = match &mut letter {
                Some(_) if line == "." => ".".to_owned(),
                Some(letter) => {
                    letter.push_str(&format!("{line}\n"));
                    continue;
                }
                None => line.split([' ', ':']).next().unwrap().to_uppercase(),
            };
            if verb == "." {
                self.letters.lock().unwrap().extend(letter.take());
            }
            let manner = *self.manner.lock().unwrap();
            let answer = match (manner, verb.as_str()) {
                (Manner::Refuses(at, code), verb) if at == verb => format!("{code} <college@veil.example> no"),
                (Manner::HangsUp(at), verb) if at == verb => return Ok(()),
                (_, "DATA") => {
                    letter = Some(String::new());
                    "354 go on".to_owned()
                }
                (_, "QUIT") => "221 bye".to_owned(),
                (_, _) => "250 ok".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }
}
