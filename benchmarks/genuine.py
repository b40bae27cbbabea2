"""Labelled genuine pages: documents and lists, among them short ones and ones that write about walls; genuine 403 withdrawals.

Written for this project in the shape of real ones. Each is (status, body). At 200 they must pass; at 403 they must not be
taken for a firewall's, since agencies take documents away with 403, too.
"""

from __future__ import annotations

Case = tuple[int, str]

NAV = "".join(
    f'<li><a href="/c{n}/">{name}</a></li>'
    for n, name in enumerate(
        ["首页", "机构概况", "政务公开", "办事服务", "互动交流", "专题专栏", "法治动态", "公共法律服务"]
    )
)
CHROME = f"<div class='top'><ul>{NAV}</ul><div class='crumb'>当前位置：首页 &gt; 政务公开 &gt; 通知公告</div></div>"
FOOT = "<div class='foot'>主办单位：云岭市司法局 网站标识码：9900000001 滇ICP备00000001号 滇公网安备 99000000000001号 地址：云岭市中心路 1 号 <a href='/map/'>网站地图</a> <a href='/about/'>关于我们</a></div>"


def plain(title: str, body: str) -> Case:
    """A page with nothing but a heading and a text."""
    return (
        200,
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{title}</title></head><body><h1>{title}</h1><p>{body}</p></body></html>",
    )


def article(title: str, body: str, head: str = "") -> Case:
    """A page with the furniture of an article."""
    line = "<div class='info'>发布时间：2024-03-05 09:30 来源：云岭市司法局 字号：大 中 小</div>"
    return (
        200,
        f"<!DOCTYPE html><html><head><meta charset='utf-8'>{head}<title>{title}</title></head><body>{CHROME}<h1>{title}</h1>{line}<div id='zoom'><p>{body}</p></div>{FOOT}</body></html>",
    )


def official(title: str, body: str) -> Case:
    """A short page with the official meta tags and no furniture."""
    head = f"<meta name='ArticleTitle' content='{title}'><meta name='PubDate' content='2024-03-05 09:30'>"
    return 200, f"<html><head>{head}<title>云岭市司法局</title></head><body><p>{body}</p></body></html>"


def list_of(*titles: str, title: str = "通知公告", more: str = "") -> Case:
    """A list page."""
    rows = "".join(
        f"<li><a href='./t20240305_{n}.htm'>{text}</a><span>2024-03-0{n % 9 + 1}</span></li>"
        for n, text in enumerate(titles)
    )
    return (
        200,
        f"<html><head><title>{title}</title></head><body>{CHROME}<ul class='list'>{rows}</ul>{more}{FOOT}</body></html>",
    )


def refused(title: str, body: str) -> Case:
    """A page that a server answers with 403."""
    return 403, f"<html><head><title>{title}</title></head><body>{body}</body></html>"


PAGES: dict[str, Case] = {
    # short notices that speak of codes, logging in, 404s, frequency
    "验证码 notice": plain(
        "关于启用网上办事验证码的通知", "自 3 月 10 日起，登录政务服务网须输入短信验证码，验证码 5 分钟内有效。"
    ),
    "验证码 refund": plain(
        "关于谨防冒充司法局索要验证码的公告", "近期有人冒充我局工作人员索要短信验证码，请勿告知他人。"
    ),
    "滑动验证": plain("关于优化网站登录方式的公告", "登录页面增加滑动验证，请向右拖动滑块完成验证后登录。"),
    "登录": plain("关于统一身份认证平台切换的通知", "统一身份认证平台将于周六切换，届时无法登录，请提前办理。"),
    "请先登录": plain("网上申请法律援助办事指南", "申请人请先登录云岭政务服务网，再选择法律援助事项。"),
    "登录超时": plain("系统使用说明", "系统 30 分钟无操作会登录超时，请重新登录。"),
    "404 number": plain("云岭市司法局关于印发第404号文件的通知", "现将第404号文件印发给你们，请认真贯彻执行。"),
    "404 links": plain(
        "关于网站改版期间部分链接失效的公告", "改版期间部分页面可能提示404 Not Found，页面不存在的请致电反映。"
    ),
    "frequency": plain("关于规范数据接口访问频率的通知", "访问频率过高的调用方将被限制，请求过于频繁的将暂停服务。"),
    "firewall purchase": plain(
        "云岭市司法局网站防火墙采购公告", "采购网站防火墙一套、WAF 云防护服务一年，预算 12 万元。"
    ),
    "attack": plain("关于我局网站遭受攻击情况的说明", "昨日我局网站遭受恶意攻击，部分用户访问被拦截，现已恢复。"),
    "maintenance": plain("关于网站维护的公告", "因系统升级，本站将于 3 月 9 日 0 时至 6 时停机维护。"),
    "maintenance 2": plain("云岭市司法局网站升级改版公告", "网站正在升级改版，请稍后访问，给您带来不便敬请谅解。"),
    "abroad": plain("关于调整网站访问策略的通告", "自即日起境外IP暂停访问本网站，境内访问不受影响。"),
    "withdrawn text": plain("关于撤销某文件的公告", "原公告信息已被撤销，内容以新公告为准。"),
    "deleted text": plain("关于删除重复信息的说明", "重复发布的信息已删除。"),
    "JavaScript": plain("关于网上投稿系统使用要求的通知", "使用前请开启浏览器的JavaScript后刷新页面。"),
    "robot": plain("云岭市机器人产业发展行动方案", "支持服务机器人、工业机器人研发，我市机器人企业达 20 家。"),
    "blacklist": plain("云岭市拖欠农民工工资失信联合惩戒名单公示", "以下单位被列入黑名单，访问公示系统可查询详情。"),
    "risk": plain("关于防范电信网络诈骗的提示函", "您的操作存在风险时，银行会拦截转账，请配合核实。"),
    "rejected": plain("行政许可不予受理决定公示", "经审查，你单位的请求被拒绝，理由见附件。"),
    "ID": plain("关于补正身份证ID错误信息的通知", "参数错误的请补正，ID有误的请于 5 日内更正。"),
    "cookie": plain("网站隐私声明", "本站使用 Cookie 记录浏览偏好，您可以关闭 Cookie。"),
    "password": plain("关于重置公务邮箱密码的通知", "初始密码为身份证后六位，首次登录请修改密码。"),
    # the same with the site's furniture
    "article on 验证码": article(
        "答网友问：收不到验证码怎么办", "请输入验证码后继续访问时，如收不到验证码，请检查手机是否欠费。"
    ),
    "article on 访问频繁": article("常见问题", "页面提示“您的访问过于频繁，请稍后再试”时，请 10 分钟后再试。"),
    "article on 404": article("网站纠错反馈情况", "您访问的页面不存在的问题已修复，404 Not Found 不再出现。"),
    "article on 创宇盾": article("网络安全工作情况", "创宇盾拦截攻击 3 万次，您的请求疑似攻击行为的误报率下降。"),
    "article on 登录": article("平台操作手册", "您还没有登录时，请先登录。用户名 密码 登录。"),
    "article on 维护": article("维护公告", "网站正在维护中，请稍后访问。"),
    "article named 访问验证": article("访问验证", "关于访问验证的说明见附件。"),
    "article named 404": article("404页面设计征集", "面向社会征集404页面公益设计，页面不存在时展示寻人信息。"),
    "article with captcha script": article(
        "停水通知", "明日停水。", "<script src='https://ssl.captcha.qq.com/TCaptcha.js'></script>"
    ),
    "article with cookie script": article(
        "停电通知", "明日停电。", "<script>document.cookie='visited=1;path=/';if(!1)location.reload()</script>"
    ),
    "article with geetest": article(
        "放假通知", "国庆放假七天。", "<script src='https://static.geetest.com/static/js/gt.0.5.0.js'></script>"
    ),
    "article with packed script": article(
        "开会通知", "明日开会。", "<script>eval(function(p,a,c,k,e,d){return p}('0',1,1,'x'.split('|'),0,{}))</script>"
    ),
    "article with log-in box": article(
        "招聘公告", "招聘 2 人。<form action='/login'><input name='u'><input type='password'></form>"
    ),
    "article with 验证码 box": article(
        "意见征集", "欢迎留言。<form>验证码<input type='text' name='c'><img src='/yzm'></form>"
    ),
    "article with comment box": article(
        "民意调查", "请选择。<form><input type='radio'>满意 <input type='text'> 验证码 <img src='/c'></form>"
    ),
    # official metas
    "meta short": official("停水通知", "明日停水。"),
    "meta 验证码": official("关于验证码短信的提示", "请输入验证码。"),
    "meta 拦截": official("关于拦截诈骗电话的通报", "您的请求被拦截。"),
    "meta 404": official("第404号公告", "404页面"),
    "meta picture": (
        200,
        "<html><head><meta name='ArticleTitle' content='图解'><meta name='PubDate' content='2024-03-05'></head><body><img src='./W01.jpg'></body></html>",
    ),
    "meta iframe": (
        200,
        "<html><head><meta name='ArticleTitle' content='预算公开'><meta name='PubDate' content='2024-03-05'></head><body><iframe src='./P02.pdf'></iframe></body></html>",
    ),
    # tiny and bare pages
    "停水": plain("停水通知", "明日九时至十二时停水。"),
    "one line": (
        200,
        "<html><body><p>关于同意云岭市司法局设立法律援助中心的批复，云政复〔2024〕12号。</p></body></html>",
    ),
    "picture only": (200, "<html><body><img src='./W020240305.jpg'></body></html>"),
    "pdf link only": (
        200,
        "<html><head><title>部门预算</title></head><body><a href='./P020240305.pdf'>下载</a></body></html>",
    ),
    "titled shell": (
        200,
        "<html><head><title>通知公告</title></head><body><div id='app'></div><script src='/app.js'></script></body></html>",
    ),
    "shell with inline script": (
        200,
        "<html><head><title>通知公告</title><script src='/static/vendor.js'></script></head><body><div id='app'></div><script>var _0x1a=1;eval('0')</script></body></html>",
    ),
    "loading shell": (
        200,
        "<html><head><title>政府信息公开</title></head><body><div id='root'>加载中</div><script src='/main.js'></script></body></html>",
    ),
    "gb script": (
        200,
        "<html><head><title>公示</title></head><body><script src='/a.js'></script><p>公示期 7 天，无异议。</p></body></html>",
    ),
    "frame": (
        200,
        "<html><head><title>年报</title></head><body><iframe src='/files/2023/report.html'></iframe></body></html>",
    ),
    "refresh with text": (
        200,
        f"<html><head><meta http-equiv=refresh content='0;url=/'><title>公示</title></head><body>{CHROME}{'<p>公示内容如下，为期五个工作日。</p>' * 20}</body></html>",
    ),
    "slow refresh": (
        200,
        f"<html><head><meta http-equiv=refresh content='600'><title>直播</title></head><body>{CHROME}<p>新闻发布会直播。</p></body></html>",
    ),
    "word page": (
        200,
        "<html xmlns:o='urn:schemas-microsoft-com:office:office'><head><title>拒绝</title></head><body><p class='MsoNormal'>行政处罚决定书 云司罚决字〔2024〕3号 当事人拒绝提供材料。</p></body></html>",
    ),
    "traditional": plain("關於停水的通知", "明日停水，敬請諒解。"),
    "English": plain("Notice on Public Holidays", "The office will be closed on 1 May."),
    # lists
    "list": list_of("关于停水的通知", "关于停电的公告", "关于征求意见的公告"),
    "list of walls": list_of("关于启用访问验证的通知", "关于404页面的公告", "关于登录方式的通知", "网站防火墙采购公告"),
    "empty list": list_of(more="<p>暂无数据</p>"),
    "empty list 2": list_of(more="<p>没有找到相关信息</p>"),
    "list with search": list_of("甲通知", "乙通知", more="<form><input type='text'><input type='password'></form>"),
    "list with log in": list_of(
        "公告一", title="通知公告-云岭市司法局", more="<a href='/login'>登录</a> <a href='/reg'>注册</a>"
    ),
    "list named 安全提示": list_of("春季防火提示", "汛期安全提示", title="安全提示_云岭市应急管理局"),
    "list named 曝光": list_of("违法案件通报", title="警示通报"),
    "JSON list": (200, '{"data": [], "pageCount": 0}'),
    "JSON error text": (200, '{"data": [{"doctitle": "关于访问验证的通知"}], "pageCount": 1}'),
    "datastore": (200, "<datastore><totalrecord>0</totalrecord><recordset></recordset></datastore>"),
    # 403 of one document: no firewall is named
    "nginx 403": refused("403 Forbidden", "<center><h1>403 Forbidden</h1></center><hr><center>nginx/1.20.1</center>"),
    "Apache 403": refused(
        "403 Forbidden",
        "<h1>Forbidden</h1><p>You don't have permission to access /zwgk/t20240305_12.htm on this server.</p>",
    ),
    "IIS 403": refused(
        "403 - 禁止访问: 访问被拒绝。",
        "<h2>403 - 禁止访问: 访问被拒绝。</h2><h3>您无权使用所提供的凭据查看此目录或页面。</h3>",
    ),
    "Tomcat 403": refused(
        "HTTP Status 403 – Forbidden",
        "<h1>HTTP Status 403 – Forbidden</h1><p>The server understood the request but refuses to authorize it.</p>",
    ),
    "CMS 403": refused("提示", "<p>对不起，您没有权限访问该页面。</p>"),
    "CMS 403 withdrawn": refused("云岭市人民政府", f"{CHROME}<p>该信息已停止公开，如需获取请依申请公开。</p>{FOOT}"),
    "CMS 403 privacy": refused("云岭市司法局", "<p>该公示期限已届满，涉及个人信息，不再公开。</p>"),
    "403 empty": (403, ""),
    "403 JSON": (403, '{"code": 403, "msg": "无权访问"}'),
    "openresty 403": refused("403 Forbidden", "<center><h1>403 Forbidden</h1></center><hr><center>openresty</center>"),
    "OSS 403": (
        403,
        "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>The bucket you access does not belong to you.</Message></Error>",
    ),
}
