//! What connections, devices and upstreams say when something is wrong, in every language.
//!
//! They say it in English: the system, its libraries, brokers and servers choose their own words. So a trouble is known by
//! what stands in its text. The text itself stays beside the Chinese, for whoever looks it up or has to pass it on; what is
//! not known is told as it came.

use super::Words;

/// Sentences of our own, said as they stand: nobody has to look them up.
const OURS: &[(&str, &str)] = &[
    ("stored", "已存储"),
    ("silent", "长时间无数据"),
    ("retained", "服务器保留的旧值"),
    ("not asked", "未读取"),
    (
        "its values changed each time they were read",
        "多次读取时数值都在变化，无法取得一致的一组",
    ),
    ("bytes came before the start of a code", "条码起始符之前收到多余字节"),
    ("null", "空值"),
    ("empty", "空值"),
    ("not a single value", "不是单个数值"),
    ("the device is gone", "设备已离线"),
    ("the edge node is gone", "边缘节点已离线"),
    ("the edge node calls it stale", "边缘节点称此值已过时"),
    ("the device's mark for no value", "设备标记为无值"),
    ("its heartbeat stands still", "心跳停止：设备有应答，但程序停住了"),
    ("the counter was reset", "计数器已清零"),
    (
        "the counter was set to another number, from which it counts on",
        "计数器被改为其他数值，从该值继续计数",
    ),
    (
        "not read for so long that it may have rolled over unseen",
        "太久未读取，计数器可能已翻转",
    ),
    (
        "reports alone fill the buffer: nothing is accepted",
        "仅报工数据已占满缓存，停止接收",
    ),
    (
        "the disk is nearly full: telemetry is paused",
        "磁盘将满，设备数据暂停接收",
    ),
    ("nobody answers on this line", "线路上没有设备应答"),
    ("the gateway's disk does not keep up", "网关的磁盘跟不上"),
    ("the gateway's disk takes no messages", "网关的磁盘无法保存消息"),
];

/// What stands in a text, in small letters, and what it means. The first that fits is taken, so what is said more closely
/// stands before what is said of much.
const KNOWN: &[(&str, &str)] = &[
    // What goes on with somebody else's words.
    ("where a number belongs", "应为数字，却是文本"),
    ("not json", "不是 JSON"),
    ("the disk is full", "磁盘已满"),
    ("the disk failed", "磁盘故障"),
    ("is damaged", "缓存数据损坏"),
    // Exceptions of Modbus, as `source/modbus/exception` names them.
    ("illegal function", "从站不支持该功能"),
    ("illegal data address", "从站没有这个地址"),
    ("illegal data value", "从站不接受这个数值或数量"),
    ("device failure", "从站自身故障"),
    ("accepted, no answer yet", "从站已受理，尚未完成"),
    ("device busy", "从站忙"),
    ("memory parity error", "从站存储器校验错误"),
    ("gateway path unavailable", "Modbus 网关没有通往从站的路径"),
    ("no answer behind the gateway", "Modbus 网关后的从站无应答"),
    ("exception (", "从站报告异常"),
    // What comes over a line instead of an answer.
    ("the adapter does not echo", "适配器没有回波"),
    ("the echo is not what was sent", "回波与发送的不符"),
    ("an answer was cut off", "应答不完整"),
    ("an answer was damaged", "应答损坏"),
    ("more than one answer came", "收到多个应答"),
    ("transaction or unit id", "应答的事务号或站号不符"),
    ("an answer to another function", "应答的功能不符"),
    ("an answer to something else", "应答与请求不符"),
    ("another length than asked for", "应答的长度不符"),
    ("hardly keep", "轮询时间不够"),
    ("its requests (", "轮询时间不够"),
    // Brokers.
    ("the user name or the password", "服务器不接受用户名或密码"),
    ("it does not take our name", "服务器不接受客户端名称（client_id）"),
    ("does not speak this version", "服务器不支持该协议版本"),
    ("the broker refuses a topic filter", "服务器拒绝订阅某个主题"),
    ("the broker refuses us", "服务器拒绝连接"),
    ("the broker closed", "服务器关闭了连接"),
    ("the broker does not answer", "服务器无应答"),
    ("the broker takes nothing", "服务器不接收数据"),
    ("the broker grants", "服务器只给 QoS 0：离线期间的消息会丢失"),
    ("the broker goes on sending", "服务器仍在发送已不再配置的主题"),
    ("the broker sent what is not mqtt", "服务器发来的不是 MQTT"),
    ("the server does not speak mqtt", "服务器不支持 MQTT"),
    // Certificates, as `tls` and the library tell of them.
    ("certificate: expired", "证书已过期"),
    ("certificate expired", "证书已过期"),
    ("has expired", "证书已过期"),
    ("not valid yet", "证书尚未生效"),
    ("notvalidyet", "证书尚未生效"),
    ("not made out to", "证书与主机名不符"),
    ("not valid for name", "证书与主机名不符"),
    ("notvalidforname", "证书与主机名不符"),
    ("signed by nobody", "证书的签发者不受信任"),
    ("unknownissuer", "证书的签发者不受信任"),
    ("our side of tls", "对方不接受我方证书"),
    ("certificate", "证书不被接受"),
    // The system.
    ("connection refused", "连接被拒绝"),
    ("connection reset", "连接被对方中断"),
    ("connection lost", "连接中断"),
    ("broken pipe", "连接中断"),
    ("software caused connection abort", "连接中断"),
    ("no route to host", "网络不通"),
    ("host unreachable", "网络不通"),
    ("network is unreachable", "网络不通"),
    ("dns error", "域名无法解析"),
    ("failed to lookup", "域名无法解析"),
    ("name or service not known", "域名无法解析"),
    ("name resolution", "域名无法解析"),
    ("permission denied", "网关无权打开"),
    ("no such serial line", "找不到串口"),
    ("no such file", "找不到设备"),
    ("no such device", "找不到设备"),
    ("address already in use", "端口已被占用"),
    ("resource busy", "设备被其他程序占用"),
    ("input/output error", "设备读写失败，可能已拔出"),
    ("no space left", "磁盘已满"),
    ("read-only file system", "磁盘只能读取"),
    ("closed by the device", "设备关闭了连接"),
    ("closed the connection", "对方关闭了连接"),
    ("connection closed", "对方关闭了连接"),
    ("eof", "对方关闭了连接"),
    ("did not answer", "超时无应答"),
    ("no answer", "超时无应答"),
    ("no connection within", "超时未能连接"),
    ("connect timeout", "超时未能连接"),
    ("deadline has elapsed", "超时未能连接"),
    ("timed out", "超时无应答"),
    ("timeout", "超时无应答"),
    ("tls", "TLS 连接失败"),
    ("websocket", "WebSocket 连接失败"),
    ("cannot connect", "无法连接"),
    ("cannot open", "无法打开"),
    ("cannot listen", "无法监听"),
    // What a device has taught of itself.
    ("begins a request of its own", "需单独读取"),
    ("registers at once", "一次读取的寄存器数量受限"),
    ("bits at once", "一次读取的位数受限"),
    // What came and was not understood.
    ("no samples at", "没有样本数据"),
    ("samples, more than", "一条消息中的样本过多"),
    ("the topic has no level", "主题的层级不够，缺少名称"),
    ("no equipment name at", "没有设备名称"),
    ("no time at", "没有时间"),
    ("no id at", "没有编号"),
    ("none of the configured points", "不含已配置的点位"),
    ("a bare value has no equipment", "单个数值不含设备名称"),
    ("no rule for this topic", "该主题没有配置规则"),
    ("too many different names of equipment", "设备名称过多"),
    ("too many different names of points", "点位名称过多"),
    ("bytes, more than", "数据过长"),
    ("not born", "边缘节点尚未上线声明"),
    ("no birth explains", "边缘节点未声明该名称"),
    ("the edge node has too many", "边缘节点的设备或指标过多"),
    ("the edge node does not tell of it", "边缘节点不再提供该值"),
    ("the edge node calls it bad", "边缘节点称此值无效"),
    ("sparkplug b", "不是 Sparkplug B 数据"),
    ("no sequence number", "没有序号"),
    // Values.
    ("not a number", "不是有效数字"),
    ("the answer ends before this point", "应答在此点位之前结束"),
    ("a counter holds a whole number", "计数器应为非负整数"),
    ("which the counter never holds", "超出计数器的最大值"),
    ("does not fit", "与声明的数据类型不符"),
    ("which cannot be meant", "换算系数不合理"),
    ("bcd digit", "不是 BCD 数字"),
    ("not utf-8", "不是 UTF-8 文本"),
];

/// What the first figures of an answer over HTTP mean.
fn answered(status: u16) -> Option<&'static str> {
    Some(match status {
        200..=299 => "应答无法读取",
        300..=399 => "对方要求转到其他地址，检查 url",
        400 | 422 => "对方拒收数据",
        401 | 407 => "对方不接受令牌",
        403 => "令牌没有权限",
        404 | 410 => "地址不存在，检查 url",
        408 => "超时无应答",
        413 => "数据太大",
        425 | 429 => "对方要求稍后再传",
        402..=499 => "对方拒绝请求，检查设置",
        502..=504 => "对方暂时不可用",
        500..=599 => "对方内部错误",
        _ => return None,
    })
}

/// The same in every language, with the text itself.
pub fn worded(text: &str) -> Words {
    if let Some((_, zh)) = OURS.iter().find(|(ours, _)| *ours == text) {
        return Words::new(text, *zh);
    }
    // A client tells the whole way to the cause.
    let way = text.strip_prefix("error sending request: ");
    let cause = way.and_then(|way| way.rsplit(": ").next()).unwrap_or(text);
    match meaning(text) {
        Some(zh) => Words::new(text, format!("{zh}（{cause}）")),
        None => Words::same(text),
    }
}

fn meaning(text: &str) -> Option<&'static str> {
    let status = text.split([' ', ':']).next().filter(|word| word.len() == 3);
    let told = status.and_then(|word| word.parse().ok()).and_then(answered);
    told.or_else(|| {
        let text = text.to_lowercase();
        let known = KNOWN.iter().find(|(said, _)| text.contains(said));
        known.map(|(_, zh)| *zh)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_said_in_chinese_with_the_text_beside_it() {
        for (text, zh) in [
            (
                "cannot connect to tcp://10.0.0.7:502: Connection refused (os error 111)",
                "连接被拒绝",
            ),
            ("unit 7 did not answer for holding:0..3 in time", "超时无应答"),
            ("illegal data address (02) at holding:5", "从站没有这个地址"),
            ("no answer behind the gateway (0B)", "Modbus 网关后的从站无应答"),
            ("no answer within 10s", "超时无应答"),
            (
                "the broker refuses us (BadUserNamePassword): the user name or the password is wrong or missing; see username and password_file",
                "服务器不接受用户名或密码",
            ),
            (
                "the certificate of mqtt.plant has expired; renew it there, or set this machine's clock",
                "证书已过期",
            ),
            ("401 Unauthorized: no such token", "对方不接受令牌"),
            ("503", "对方暂时不可用"),
            ("422 invalid: quantity", "对方拒收数据"),
            (
                "cannot open /dev/ttyUSB0: No such file or directory (os error 2)",
                "找不到设备",
            ),
            ("not JSON: EOF while parsing a value at line 1 column 0", "不是 JSON"),
            ("the disk failed: Input/output error (os error 5)", "磁盘故障"),
            ("the text `timeout` where a number belongs", "应为数字，却是文本"),
            ("405 Method Not Allowed", "对方拒绝请求，检查设置"),
            ("1001 samples, more than 1000 in one message", "一条消息中的样本过多"),
            (
                "the topic has no level 4 that names an equipment",
                "主题的层级不够，缺少名称",
            ),
            ("5000 does not fit UInt8", "与声明的数据类型不符"),
            (
                "70000, which the counter never holds: it rolls over at 65536",
                "超出计数器的最大值",
            ),
        ] {
            assert_eq!(worded(text), Words::new(text, format!("{zh}（{text}）")), "{text}");
        }
    }

    #[test]
    fn of_what_a_client_tells_the_cause_is_enough() {
        for (cause, zh) in [
            (
                "tcp connect error: Connection refused (os error 111)",
                "连接被拒绝（Connection refused (os error 111)）",
            ),
            ("invalid peer certificate: Expired", "证书已过期（Expired）"),
            (
                "dns error: failed to lookup address information",
                "域名无法解析（failed to lookup address information）",
            ),
        ] {
            let text = format!("error sending request: client error (Connect): {cause}");
            assert_eq!(worded(&text), Words::new(&*text, zh));
        }
    }

    #[test]
    fn what_we_say_ourselves_is_said_alone_and_what_is_not_known_as_it_came() {
        assert_eq!(worded("stored"), Words::new("stored", "已存储"));
        for ours in [
            "its values changed each time they were read",
            "bytes came before the start of a code",
        ] {
            let words = worded(ours);
            assert_ne!(words.zh, words.en);
        }
        for unheard in ["a wonder happened", "1234 pieces", "abc", ""] {
            assert_eq!(worded(unheard), Words::same(unheard));
        }
    }

    #[test]
    fn what_is_said_closely_is_not_hidden_by_what_is_said_of_much() {
        for (nth, (said, _)) in KNOWN.iter().enumerate() {
            assert_eq!(*said, said.to_lowercase());
            let before = KNOWN.iter().take(nth).find(|(other, _)| said.contains(other));
            assert_eq!(before, None, "{said} is never reached");
        }
    }
}
