//! J06: asks for a person, who takes over in the console, replies, hands back.

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::program::{Server, Shop};

const REPLY: &str = "Hello, this is Kim. I have put the blue one aside for you.";

#[tokio::test(flavor = "multi_thread")]
async fn j06_a_person_takes_over_and_hands_back() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        catalogue::fill(&shop);
        let server = shop.serve();
        let customer = driver.open("j06-customer", screen, &server.address).await;
        let agent = driver.open("j06-agent", screen, &server.address).await;
        walk(vec![customer, agent], |browsers| async move {
            talk(&browsers[0], &browsers[1]).await;
            browsers
        })
        .await;
        tokio::task::block_in_place(|| check_record(&server));
        server.stop();
    }
}

async fn ask(customer: &Browser, message: &str) {
    customer.write("#message", message).await;
    customer.write("#message", "\u{e007}").await;
    customer
        .see_text(".turn.customer .words", |text| text == message)
        .await;
}

async fn talk(customer: &Browser, agent: &Browser) {
    customer.go("/").await;
    customer.click("#chat-open").await;
    ask(customer, "What is the return policy?").await;
    customer
        .see_text(".turn.agent .words", |text| text.contains("30 days"))
        .await;
    customer.see(".turn.agent .thumbs").await;
    customer.picture("answered").await;
    // One link for each source, and it leads to what the shop wrote.
    let links = customer.attributes(".turn.agent .sources a", "href").await;
    assert_eq!(links, ["/documents/returns"]);

    // What the shop sells is shown as a card that leads to its page.
    ask(customer, "Do you have green tea?").await;
    customer.see(".chat-card[href='/products/tea-green']").await;
    customer.picture("card").await;

    ask(customer, "I want to talk to a person").await;
    customer
        .see_text(".notice", |text| text.contains("asked for a person"))
        .await;
    customer.picture("waits").await;

    agent.go("/console/inbox").await;
    agent.picture("inbox").await;
    agent.follow("td a[href^='/console/inbox/']").await;
    agent.picture("conversation").await;
    agent.follow("[data-post$='/take']").await;
    customer
        .see_text(".notice", |text| text.contains("A person from our team"))
        .await;
    agent.write("#reply", REPLY).await;
    customer.see(".typing").await;
    agent.picture("writes").await;
    agent.follow("form[data-send$='/reply'] .primary").await;
    // Without a reload.
    customer
        .see_text(".turn.agent .words", |text| text == REPLY)
        .await;
    customer.picture("replied").await;

    customer.reload().await;
    let said = |text: &str| text == REPLY;
    customer.see_text(".turn.agent .words", said).await;
    customer.picture("after-reload").await;
    customer.go("/products/hat").await;
    customer.see_text(".turn.agent .words", said).await;
    let everything = customer.texts(".turn .words").await;
    assert!(
        everything.iter().any(|text| text.contains("30 days")),
        "{everything:?}"
    );
    customer.picture("next-page").await;

    // The assistant is silent, and the person hears it without a reload.
    ask(customer, "Thank you, Kim!").await;
    agent
        .see_text(".turn.customer", |text| text.contains("Thank you, Kim!"))
        .await;
    agent.picture("heard").await;
    agent.follow("[data-post$='/resume']").await;
    customer
        .see_text(".notice", |text| {
            text.contains("assistant is answering again")
        })
        .await;
    ask(customer, "How long does delivery take?").await;
    // The greeting and the person's reply have no thumbs.
    customer
        .see(".turn:nth-last-of-type(1).agent .thumbs")
        .await;
    customer.picture("handed-back").await;
    customer.fits().await;
}

/// What the log has: who said what, in order, and nothing twice.
fn check_record(server: &Server) {
    let answer = server.get("/v1/conversations?limit=10");
    let conversations = answer["conversations"].as_array().unwrap();
    assert_eq!(conversations.len(), 1, "{answer:#}");
    let messages = conversations[0]["messages"].as_array().unwrap();
    let who: Vec<&str> = messages
        .iter()
        .map(|message| match message["role"].as_str() {
            Some("agent") if message["by"].is_string() => "person",
            Some("agent") => "assistant",
            _ => "customer",
        })
        .collect();
    let asked = ["customer", "assistant"].repeat(3);
    let answered = ["person", "customer", "customer", "assistant"];
    assert_eq!(who, [&asked[..], &answered].concat(), "{messages:#?}");
    assert_eq!(
        conversations[0]["properties"]["handling"]["state"],
        "assistant"
    );
    // The assistant that answers again has read what the person said.
    let last = messages.last().unwrap()["decision_id"].as_str();
    let decision = server.get(&format!("/v1/decisions/{}", last.unwrap()));
    assert_eq!(
        decision["explanation"]["request"]["turns_before"], 8,
        "{decision}"
    );
}
