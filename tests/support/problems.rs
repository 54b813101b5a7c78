//! Answers that are problems.

use reqwest::Response;
use serde_json::Value;

/// Status and body of an answer, which is a problem document where it is no success.
pub async fn problem(response: Response) -> (u16, Value) {
    let status = response.status();
    if !status.is_success() {
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    (status.as_u16(), response.json().await.unwrap())
}

/// Status and code; the code of a success is empty.
pub async fn code(response: Response) -> (u16, String) {
    let (status, problem) = problem(response).await;
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}
