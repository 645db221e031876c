//! Phase B: the gesture and the key.

use crate::dialogue::{PinProblem, Work};
use crate::doors::{Doors, NewKey};
use crate::secret::Secret;
use crate::stopped::Stopped;
use crate::story::Told;

/// PH-B: has the person choose a PIN that satisfies the policy in force on the device (PROV-5.3), then
/// makes the container and the key pair. The offer of a biometric gesture is skipped where there is no
/// sensor, and a PIN is chosen always (PROV-5.5).
///
/// # Errors
/// [`Stopped`] when the person cancels or the device cannot make the key.
pub fn create(doors: &mut Doors<'_>, told: &Told) -> Result<NewKey, Stopped> {
    let pin = chosen_pin(doors)?;
    doors.story.tell(told.pin);
    doors.person.working(Work::CreatingKey);
    let key = doors
        .device
        .create_user_key(doors.account, &pin, doors.clock.now())?;
    doors.story.tell(told.key);
    Ok(key)
}

/// Asks until a PIN breaks no rule and was typed the same twice.
fn chosen_pin(doors: &mut Doors<'_>) -> Result<Secret, Stopped> {
    let rules = &doors.policy.pin;
    let mut problems = Vec::new();
    loop {
        let chosen = doors.person.choose_pin(rules, &problems)?;
        problems.clear();
        let broken = doors.device.judge_pin(&chosen.pin, rules);
        problems.extend(broken.into_iter().map(PinProblem::Rule));
        if chosen.pin != chosen.confirmation {
            problems.push(PinProblem::Mismatch);
        }
        if problems.is_empty() {
            return Ok(chosen.pin);
        }
    }
}
