//! The story as it is told: lines for people, or JSON lines for programs.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use trust::{Clock, Event, Story, Timestamp};

/// Who tells the story. Clones tell the same one.
#[derive(Clone)]
pub(crate) struct Teller(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    began: Timestamp,
    json: bool,
    colours: bool,
    told: Mutex<Told>,
}

struct Told {
    out: Box<dyn Write + Send>,
    chapter: Option<&'static str>,
    steps: Vec<&'static str>,
}

/// How a word is shown on a terminal.
#[derive(Clone, Copy)]
enum Shade {
    Bold,
    Dim,
    Cyan,
    Green,
}

impl Shade {
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Cyan => "36",
            Self::Green => "1;32",
        }
    }
}

/// The chapter that a step belongs to.
fn chapter(step: &str) -> &'static str {
    match step {
        _ if step.starts_with("DREG-F5") => "The device joins the domain and registers (DREG-F5)",
        _ if step.starts_with("DREG-F1.") => "The person joins the device to the tenant (DREG-F1)",
        _ if ["PROV-", "F7.", "F1."]
            .iter()
            .any(|part| step.starts_with(part)) =>
        {
            "The person enrols a PIN"
        }
        _ if step.starts_with("AUTH-F8") => "The PIN becomes a Kerberos ticket (AUTH-F8)",
        _ if step.starts_with("AUTH-F1.") => "The PIN becomes a primary refresh token (AUTH-F1)",
        _ => "Further steps",
    }
}

impl Teller {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        out: Box<dyn Write + Send>,
        json: bool,
        colours: bool,
    ) -> Self {
        Self(Arc::new(Shared {
            began: clock.now(),
            clock,
            json,
            colours: colours && !json,
            told: Mutex::new(Told {
                out,
                chapter: None,
                steps: Vec::new(),
            }),
        }))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the lab was started.
    pub(crate) fn milliseconds(&self) -> i64 {
        (self.0.clock.now().since(self.0.began).as_micros() / 1_000).max(0)
    }

    fn shaded(&self, shade: Shade, text: &str) -> String {
        match self.0.colours {
            true => format!("\x1b[{}m{text}\x1b[0m", shade.code()),
            false => text.to_owned(),
        }
    }

    fn at(&self) -> String {
        self.shaded(Shade::Dim, &format!("{:>6} ms", self.milliseconds()))
    }

    /// Writes a line. Whoever listened may have gone; the lab goes on.
    fn line(&self, told: &mut Told, text: &str) {
        let _ = writeln!(told.out, "{}", text.trim_end());
        let _ = told.out.flush();
    }

    /// The first line.
    pub(crate) fn title(&self, text: &str) {
        if !self.0.json {
            let text = self.shaded(Shade::Bold, text);
            self.line(&mut self.told(), &text);
        }
    }

    /// Begins a chapter that consists of notes.
    pub(crate) fn begin(&self, name: &'static str) {
        let mut told = self.told();
        self.enter(&mut told, name);
    }

    fn enter(&self, told: &mut Told, name: &'static str) {
        if told.chapter == Some(name) {
            return;
        }
        told.chapter = Some(name);
        if !self.0.json {
            let text = format!("\n{}", self.shaded(Shade::Bold, name));
            self.line(told, &text);
        }
    }

    /// Something that is no step of a flow, and that whoever looks should know.
    pub(crate) fn note(&self, text: &str) {
        let line = match self.0.json {
            true => json!({ "at_ms": self.milliseconds(), "note": text }).to_string(),
            false => format!("{}  {text}", self.at()),
        };
        self.line(&mut self.told(), &line);
    }

    /// A step of a flow.
    pub(crate) fn step(&self, event: &'static Event) {
        let mut told = self.told();
        told.steps.push(event.step);
        let line = match self.0.json {
            true => json!({
                "at_ms": self.milliseconds(), "step": event.step, "phase": event.phase,
                "party": event.party.to_string(), "happened": event.happened,
            })
            .to_string(),
            false => {
                self.enter(&mut told, chapter(event.step));
                let step = self.shaded(Shade::Cyan, &format!("{:<9}", event.step));
                let phase = self.shaded(Shade::Dim, &format!("{:<13}", event.phase));
                format!(
                    "{}  {step}  {phase}  {:<10}  {}",
                    self.at(),
                    event.party,
                    event.happened
                )
            }
        };
        self.line(&mut told, &line);
    }

    /// The steps so far.
    pub(crate) fn steps(&self) -> Vec<&'static str> {
        self.told().steps.clone()
    }

    /// A block of lines at the end, for people.
    pub(crate) fn block(&self, name: &'static str, lines: &[String]) {
        if self.0.json {
            return;
        }
        let mut told = self.told();
        self.enter(&mut told, name);
        for line in lines {
            self.line(&mut told, &format!("  {line}"));
        }
    }

    /// The end of the story: everything answers.
    pub(crate) fn ready(&self, milliseconds: i64) {
        let mut told = self.told();
        if self.0.json {
            self.line(
                &mut told,
                &json!({ "ready": true, "ready_ms": milliseconds }).to_string(),
            );
            return;
        }
        let text = format!("\n{}", self.shaded(Shade::Green, "ready"));
        self.line(&mut told, &text);
    }
}

impl Story for Teller {
    fn tell(&mut self, event: &'static Event) {
        self.step(event);
    }
}
