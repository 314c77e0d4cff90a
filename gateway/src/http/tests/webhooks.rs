use super::plane::Plane;
use axum::http::StatusCode;
use serde_json::{Value as Json, json};

const URL: &str = r#"{"url": "https://hooks.example/portolan", "event_types": ["order.taken"], "sites": ["WH-HAM"]}"#;

#[tokio::test]
async fn a_secret_is_shown_by_the_answer_that_made_it_and_nowhere_else() {
    let plane = Plane::new(|_| {});
    let made = plane.post("/v1/webhooks", Some("erp"), URL).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/v1/webhooks/erp"));
    let made = made.ok();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{made}");
    let again = plane.post("/v1/webhooks", Some("erp"), URL).await.ok();
    assert_eq!((&again["secret"], &again["created_at"]), (&Json::Null, &made["created_at"]));
    assert_eq!(plane.get("/v1/webhooks/erp").await.ok(), again);
    let listed = plane.get("/v1/webhooks").await.ok();
    assert_eq!(listed, json!({ "items": [again], "next_cursor": null }));
    let change = r#"{"new_secret": true, "description": "the ERP", "event_types": []}"#;
    let changed = plane.post("/v1/webhooks/erp/change", None, change).await.ok();
    assert_ne!(changed["secret"].as_str().unwrap(), secret);
    assert_eq!((&changed["description"], &changed["event_types"]), (&json!("the ERP"), &json!([])));
    let changed = plane.post("/v1/webhooks/erp/change", None, r#"{"enabled": false}"#).await.ok();
    assert_eq!((&changed["secret"], &changed["state"]), (&Json::Null, &json!("off")), "{changed}");
    assert_eq!(changed["reason"], "somebody switched it off");
}

#[tokio::test]
async fn everything_wrong_with_a_receiver_is_said_at_once_by_its_place() {
    let plane = Plane::new(|_| {});
    let check = async |body: &str, places: &[&str]| {
        let answer = plane.post("/v1/webhooks", Some("k"), body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let problem = answer.json();
        let found: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, places, "{body}: {problem}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("c2VjcmV0"), "a secret is repeated: {problem}");
    };
    check(
        r#"{"url": "http://127.0.0.1:80/", "sites": ["WH-HAM", "NOWHERE"], "secret": "whsec_c2VjcmV0"}"#,
        &["#/url", "#/sites/1", "#/secret"],
    )
    .await;
    check(r#"{"url": "https://169.254.169.254/latest/meta-data"}"#, &["#/url"]).await;
    check(r#"{"url": "https://[::ffff:10.0.0.1]/"}"#, &["#/url"]).await;
    check(r#"{"url": "https://user:word@hooks.example/"}"#, &["#/url"]).await;
    check(r#"{"url": "https://hooks.example/", "event_types": ["order.eaten"]}"#, &["#/event_types/0"]).await;
    plane.post("/v1/webhooks", Some("k"), URL).await.ok();
    let inside = plane.post("/v1/webhooks/k/change", None, r#"{"url": "https://10.0.0.1/"}"#).await;
    assert_eq!((inside.status, &inside.json()["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("#/url")));
}

#[tokio::test]
async fn receivers_are_listed_in_pages_limited_in_number_and_removed_for_good() {
    let plane = Plane::new(|_| {});
    for key in ["b", "a"] {
        plane.post("/v1/webhooks", Some(key), URL).await.ok();
    }
    let page = plane.get("/v1/webhooks?limit=1").await.ok();
    assert_eq!((&page["items"][0]["webhook"], &page["next_cursor"]), (&json!("a"), &json!("a")));
    let page = plane.get("/v1/webhooks?limit=1&cursor=a").await.ok();
    assert_eq!((&page["items"][0]["webhook"], &page["next_cursor"]), (&json!("b"), &Json::Null));
    let many = plane.post("/v1/webhooks", Some("c"), URL).await;
    assert_eq!(many.status, StatusCode::CONFLICT, "{many:?}");
    let other = plane.post("/v1/webhooks", Some("a"), r#"{"url": "https://elsewhere.example/"}"#).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{other:?}");
    for deleted in [true, false] {
        let answer = plane.post("/v1/webhooks/a/delete", None, "").await.ok();
        assert_eq!(answer, json!({ "webhook": "a", "deleted": deleted }));
    }
    for path in ["/v1/webhooks/a", "/v1/webhooks/a/deliveries", "/v1/webhooks/b/dead-letters/msg_1"] {
        assert_eq!(plane.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(plane.post("/v1/webhooks/b/redrive", None, "").await.ok(), json!({ "count": 0 }));
    assert_eq!(plane.post("/v1/webhooks/b/test", None, "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    plane.post("/v1/webhooks", Some("c"), URL).await.ok();
}
