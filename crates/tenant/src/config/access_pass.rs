//! A Temporary Access Pass is posted (protocols A.5.6): in place of a password, or as a second factor.

use signin::access_pass;
use signin::password;
use trust::Rng;

use super::password::{Post, refuse};
use super::refused::Refused;
use crate::refused::Trouble;
use crate::reply::Answer;

/// A pass was posted from the first page. It is two factors of this moment by itself, so whatever was asked for is proven.
pub(super) fn first(
    post: Post<'_, '_>,
    name: &str,
    pass: &str,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let (asked, page) = (post.asked, post.asked.sign_in());
    let Some(by_pass) = access_pass::judge(&page, name, pass)? else {
        // What is no pass takes the time and the counters of a password, whoever is meant.
        let judged = password::judge(&page, name, pass)?;
        let account = match &judged {
            password::Judged::Right(account) | password::Judged::MustChange(account) => {
                password::count_failure(&page, name);
                Some(account)
            }
            password::Judged::Wrong { account, .. } => account.as_ref(),
        };
        return Ok(refuse(
            asked,
            &Refused::Pass,
            account.map(|account| &**account),
        ));
    };
    let (first, account) = (by_pass.first().clone(), by_pass.account().clone());
    let answer = post.proven(first, &account, rng)?;
    Ok(answer.committing(by_pass.changes))
}
