//! What people do with the pages, clicked: they sign in, take notice, correct, decide, sign out, and are sent away.

use lineside::record::Kind;
use serde_json::{Value, json};

use super::chromium::{Browser, Window};
use super::sight::{axe, barriers};
use super::{DESK, open};
use crate::modbus::Foreign;
use crate::openapi::sections;
use crate::park::gateway::{Daemon, Site};
use crate::park::upstream::{Reaction, Upstream};
use crate::park::{free_port, until};

const PERSON: &str = "王工";
const PASSWORD: &str = "canary-password-一二三";
const BURR: &str = "[spc.burr]\nfrom = \"inspection:d\"\nchart = \"i-mr\"\nlimits = { estimate = 10 }\n";

/// A broker that nobody has started: an alert that lasts.
fn away(port: u16) -> String {
    format!(
        "[mqtt.away]\nurl = \"mqtt://127.0.0.1:{port}\"\n[[mqtt.away.topic]]\nfilter = \"a\"\nequipment = \"A\"\n\
         points.x = {{ at = \"/x\" }}\n[alerts]\nsource_lost_after = \"1s\"\n"
    )
}

/// A gateway with accounts, and one window in which an administrator has signed in.
struct Shop {
    site: Site,
    letters: Vec<String>,
    north: Upstream,
    window: Window,
    axe: Option<String>,
    _gateway: Daemon,
    _device: Foreign,
}

impl Shop {
    async fn open(browser: &Browser, language: &str) -> Self {
        let device = Foreign::start();
        let refuse = |id: String| (id, "rejected");
        let north = Upstream::start(move |request, before| match before {
            0 => Reaction::Named(request.ids().into_iter().map(refuse).collect()),
            _ => Reaction::Stored,
        })
        .await;
        let mut site = Site::new("");
        site.set_window("accounts_file = \"accounts.toml\"\nreads = \"signed-in\"");
        site.configure(&format!("{}{BURR}{}", sections(&device, &north), away(free_port())));
        site.know_an_order();
        site.write("password", PASSWORD);
        let add = "account add 王工 --role admin --password-file password --config lineside.toml";
        site.prints(&add.split(' ').collect::<Vec<_>>());
        let letters = site.fill(Kind::WorkReport, 3).await;
        let gateway = site.start().await;
        let window = browser.window().await;
        window.speak(language).await;
        window.resize(DESK).await;
        let shop = Self {
            site,
            letters,
            north,
            window,
            axe: axe(),
            _gateway: gateway,
            _device: device,
        };
        shop.sign_in("/").await;
        shop
    }

    /// Is sent to sign in first, and comes to the page that was asked for.
    async fn sign_in(&self, page: &str) {
        open(&self.window, &self.site.page(page)).await;
        self.is_at("/sign-in").await;
        self.window.fill("#name", PERSON).await;
        self.window.fill("#password", PASSWORD).await;
        self.window.press("Enter").await;
        self.is_at(page).await;
        self.shows(PERSON).await;
    }

    async fn is_at(&self, page: &str) {
        let is_there = format!("location.pathname + location.hash === {page:?} && document.readyState === 'complete'");
        self.window.until(page, &is_there).await;
    }

    /// Opens a page, in a part of it perhaps.
    async fn go(&self, page: &str) {
        open(&self.window, &self.site.page(page)).await;
    }

    async fn shows(&self, text: &str) {
        let is_seen = format!("document.body.innerText.includes({text:?})");
        self.window.until(text, &is_seen).await;
    }

    /// No dialog is open any more.
    async fn is_done(&self) {
        self.window
            .until("the dialog to be gone", "!document.querySelector('dialog[open]')")
            .await;
    }

    /// Nothing bars anyone from what is shown, and nothing went wrong.
    async fn is_sound(&self, what: &str) {
        if let Some(axe) = &self.axe {
            self.window.look(axe).await;
            assert_eq!(barriers(&self.window).await, Vec::<String>::new(), "{what}");
        }
        // What is refused for good reason the browser notes as well.
        let refusals = ["status of 422", "status of 502", "status of 504"];
        let is_refusal = |trouble: &String| refusals.iter().any(|status| trouble.contains(status));
        let troubles: Vec<_> = self
            .window
            .troubles()
            .into_iter()
            .filter(|trouble| !is_refusal(trouble))
            .collect();
        assert_eq!(troubles, Vec::<String>::new(), "{what}");
    }

    async fn read(&self, path: &str) -> Value {
        let look = format!("fetch('/api/v1/{path}').then((answer) => answer.json())");
        self.window.look(&look).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_acknowledged_and_others_see_by_whom() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "zh").await;
    let Shop { window, .. } = &shop;
    shop.is_sound("the board").await;
    // Its label names the alert as well; on the screen stands the word.
    let label = "document.querySelector('.need button')?.getAttribute('aria-label') ?? ''";
    window.until("an alert", &format!("({label}) !== ''")).await;
    let label = window.look(label).await;
    window.click(label.as_str().expect("a label")).await;
    window.fill("textarea", "已派人检查").await;
    shop.is_sound("the dialog of an alert").await;
    window.click("确认").await;
    shop.is_done().await;
    shop.shows(&format!("{PERSON} 已确认：已派人检查")).await;
    let alerts = shop.read("alerts").await;
    let taken = alerts["alerts"].as_array().expect("a list").iter();
    let taken = taken.filter(|alert| alert["state"] == "acknowledged");
    assert_eq!(
        taken.map(|alert| &alert["acknowledged_by"]).collect::<Vec<_>>(),
        [PERSON]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_taken_back_in_and_limits_are_learnt_anew() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "zh").await;
    let Shop { site, window, .. } = &shop;
    let values = [1.0, 2.0, 1.0, 2.0, 9.0, 1.0, 2.0, 1.0, 2.0, 1.0];
    let measured = json!({
        "check_no": "Q-1", "order_no": "WO-1", "check_quantity": "10", "qualified_quantity": "10", "checker_no": "W1",
        "measurements": [{"characteristic": "d", "values": values}],
    });
    assert_eq!(site.hand_in("inspections", &measured).await.0, 201);
    let exclude = json!({"action": "exclude", "point": 5, "reason": "断刀"});
    assert_eq!(site.hand_in("spc/burr/phase", &exclude).await.0, 201);
    let version = async || shop.read("spc/burr").await["limits"]["version"].clone();
    assert_eq!(version().await, 2);

    shop.go("/quality?chart=burr").await;
    shop.shows("断刀").await;
    shop.is_sound("a chart").await;
    window.click("恢复").await;
    until("the point to be back", async || (version().await == 3).then_some(())).await;
    window
        .until(
            "it to be gone from the list",
            "!document.body.innerText.includes('断刀')",
        )
        .await;
    // Who takes it back in once more is told why not, though no form is there to show it.
    let refused = "import('/assets/shell.js').then(async ({ call, refusal }) => {
        const include = { action: 'include', point: 5 };
        return call('POST', 'spc/burr/phase', include).catch((problem) => refusal(problem).textContent);
    })";
    let told = window.look(refused).await;
    assert!(
        told.as_str().is_some_and(|told| told.contains("第 5 点未被剔除")),
        "{told}"
    );
    window.click("重新学习").await;
    shop.is_sound("the dialog that asks").await;
    window.click("保存").await;
    shop.is_done().await;
    shop.shows("学习中 0/10").await;
    // Nothing was learnt yet, and that is said in the language of who reads.
    window.click("立即冻结控制限").await;
    window.click("保存").await;
    shop.shows("没有可供学习的数据").await;
    shop.is_sound("a refusal").await;
    window.click("取消").await;
    shop.is_done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_inspection_stands_at_its_field_in_the_language_of_who_reads() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "zh").await;
    let Shop { window, .. } = &shop;
    shop.go("/quality#inspections").await;
    for (field, text) in [
        ("order_no", "WO-9"),
        ("check_quantity", "500"),
        ("qualified_quantity", "500"),
    ] {
        window.fill(&format!("[data-field={field}] input"), text).await;
    }
    window.click("保存检验").await;
    shop.shows("未填检验员").await;
    shop.shows("工单只有 100 件，不能检验 500 件").await;
    shop.is_sound("findings").await;
    for (field, text) in [
        ("checker_no", "W1"),
        ("check_quantity", "20"),
        ("qualified_quantity", "20"),
    ] {
        window.fill(&format!("[data-field={field}] input"), text).await;
    }
    window.click("保存检验").await;
    shop.shows("已保存，单号").await;
    let is_marked = "!!document.querySelector('.field-error, [aria-invalid]')";
    assert_eq!(window.look(is_marked).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_signed_in_sees_for_whom_it_is_and_what_is_not_known_yet() {
    let Some(browser) = Browser::start().await else { return };
    let site = Site::new(BURR);
    let _gateway = site.start().await;
    let window = browser.window().await;
    window.speak("en").await;
    window.resize(DESK).await;
    let has = |text: &str| format!("document.body.innerText.includes({text:?})");
    open(&window, &site.page("/quality#inspections")).await;
    let rests = "document.querySelector('.entry-fields')?.disabled === true";
    window.until("the form to rest", rests).await;
    window.until("for whom", &has("For quality, supervisor, admin.")).await;
    open(&window, &site.page("/quality#charts")).await;
    window.until("a chart", &has("Shown with the first points.")).await;
    let freeze = "[...document.querySelectorAll('main button')].find((e) => e.textContent.includes('Freeze'))";
    window
        .until(
            "the change to rest",
            &format!("{freeze}?.matches(':disabled') === true"),
        )
        .await;
    assert_eq!(window.look(&has("Drag over the chart")).await, false);
    open(&window, &site.page("/")).await;
    window
        .until("why there are no orders", &has("Orders are not known"))
        .await;
    window.open(&site.page("/station/ST-77")).await;
    window
        .until(
            "the station not to be there",
            &has("This gateway has no station ST-77."),
        )
        .await;
    let is_away = "!document.getElementById('keys').checkVisibility()";
    window.until("no keypad", is_away).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_corrected_sent_again_and_given_up() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "en").await;
    let Shop {
        window, letters, north, ..
    } = &shop;
    shop.go("/engineering#dead-letters").await;
    let open_letter = async |id: &str| {
        let name = format!(
            "[...document.querySelectorAll('main tr')].find((row) => row.innerText.includes({id:?}))?.querySelector('button')"
        );
        window.until("the letter", &format!("!!{name}")).await;
        // The rows say the same of themselves but for their ids.
        window
            .look(&format!("{name}.setAttribute('aria-label', {id:?}); 0"))
            .await;
        window.click(id).await;
    };
    let is_gone = async |id: &str| {
        shop.is_done().await;
        let is_so = format!("!document.querySelector('main').innerText.includes({id:?})");
        window.until("the letter to be gone", &is_so).await;
    };
    open_letter(&letters[0]).await;
    window.fill("textarea", "{\"number\": 42").await;
    shop.shows("This is not JSON").await;
    window.fill("textarea", "{\"number\": 42}").await;
    shop.shows("0 → 42").await;
    shop.is_sound("the dialog of a letter").await;
    window.click("Send again, corrected").await;
    is_gone(&letters[0]).await;

    open_letter(&letters[1]).await;
    window.click("Send again as it is").await;
    is_gone(&letters[1]).await;

    open_letter(&letters[2]).await;
    window.click("Give up").await;
    shop.shows("Say why it is given up.").await;
    window.fill("dialog .actions input", "a test of the line").await;
    window.click("Give up").await;
    shop.is_done().await;
    shop.shows("Nothing was refused.").await;
    shop.is_sound("no letters").await;

    let number = |payload: &Value| payload["number"].as_i64();
    let arrived = north
        .heard("both letters", |requests| {
            let messages = requests.iter().skip(1).flat_map(|request| request.messages().iter());
            messages.filter(|message| number(&message["payload"]).is_some()).count() == 2
        })
        .await;
    let messages = arrived.iter().skip(1).flat_map(|request| request.messages().iter());
    let found: Vec<_> = messages.filter_map(|message| number(&message["payload"])).collect();
    assert_eq!(found, [42, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_byte_order_of_a_value_is_found_by_its_registers() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "en").await;
    let Shop { window, .. } = &shop;
    shop.go("/engineering#bus").await;
    window
        .until(
            "the device",
            "document.querySelector('form.bar select')?.value === 'line/press'",
        )
        .await;
    window.fill("form.bar input[type=number]", "40").await;
    window.click("Read").await;
    shop.shows("holding:40").await;
    shop.is_sound("registers").await;
    let likely = "[...document.querySelectorAll('.forms button')].find((e) => e.textContent.startsWith('★'))";
    window.until("a likely form", &format!("!!{likely}")).await;
    let words = window.look(&format!("{likely}.textContent.trim()")).await;
    window.click(words.as_str().expect("words")).await;
    let line = "document.querySelector('.line input').value";
    let line = window.look(line).await;
    assert!(
        line.as_str().is_some_and(|line| line.contains("at = \"holding:")),
        "{line}"
    );
    // No such registers: said with what to do about it.
    window.fill("form.bar input[type=number]", "60000").await;
    window.click("Read").await;
    shop.shows("illegal data address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trends_outlast_a_reload_and_go_with_whoever_signs_out() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "zh").await;
    let window = &shop.window;
    // Each sample is a step of the line, or where the line begins again.
    let steps = "(document.querySelector('.is-points .trend path')?.getAttribute('d').match(/[ML]/g)?.length ?? 0)";
    shop.go("/engineering#points").await;
    window.until("some samples", &format!("{steps} > 3")).await;
    window.look("window.isOld = true; location.reload(); 0").await;
    // Sooner than they could be noted again.
    let is_drawn = format!("!window.isOld && document.readyState === 'complete' && {steps} > 0");
    window.until("the page anew", &is_drawn).await;
    let kept = window.look(steps).await.as_u64();
    assert!(kept > Some(3), "{kept:?}");

    shop.go("/engineering#sources").await;
    shop.shows("连接被拒绝（Connection refused").await;

    // Signed out of on another page than the one that left them.
    let is_stored = "sessionStorage.getItem('lineside-trends') !== null";
    shop.go("/").await;
    assert_eq!(window.look(is_stored).await, true);
    window.click("退出").await;
    shop.is_at("/sign-in").await;
    assert_eq!(window.look(is_stored).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_or_is_put_out_sees_nothing_more_and_is_told_so() {
    let Some(browser) = Browser::start().await else { return };
    let shop = Shop::open(&browser, "en").await;
    let Shop { site, window, .. } = &shop;
    let ended = "You are signed out";
    window.click("Sign out").await;
    shop.is_at("/sign-in").await;
    assert_eq!(
        window
            .look(&format!("document.body.innerText.includes({ended:?})"))
            .await,
        false
    );
    for page in ["/engineering#points", "/quality#faults", "/station/ST-01", "/"] {
        shop.sign_in(page).await;
        let account = |change: &str| site.prints(&["account", change, PERSON, "--config", "lineside.toml"]);
        account("disable");
        shop.is_at("/sign-in").await;
        shop.shows(ended).await;
        account("enable");
        let is_known = "fetch('/api/v1/session').then((answer) => answer.json()).then((who) => !who.name)";
        window.until("nobody to be signed in", is_known).await;
    }
}
