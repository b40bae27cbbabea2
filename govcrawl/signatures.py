"""What challenges, firewalls, log-in walls and error pages look like: a table, no code of its own.

Collected from the products' public block pages and from what crawlers of agency sites report. A row is a sign only on a page
that shows no more than ``most_characters``: on a longer one it is what the page writes about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SHELL = 240  # visible characters of a page that is nothing but a challenge or an error sentence
NOTICE = 600  # … with causes, advice and an incident number, as firewalls print
BRANDED = 1500  # … inside the header and footer of the site

Wall = Literal["challenge", "refusal", "login", "closed", "gone"]
Where = Literal["source", "title", "text"]


@dataclass(frozen=True, slots=True)
class Signature:
    """One sign: in the page's source (any of the literals, as written), in its title or in its visible text (a pattern)."""

    name: str
    wall: Wall
    where: Where
    marks: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    most_characters: int = SHELL

    def find(self, text: str) -> str | None:
        """Return what of a text is the sign."""
        if self.pattern is None:
            return next((mark for mark in self.marks if mark in text), None)
        found = self.pattern.search(text)
        return found.group().strip() if found else None


STATUSES: dict[int, str] = {412: "瑞数", 418: "华为云 WAF", 468: "长亭雷池", 493: "安全狗", 521: "加速乐"}
"""Statuses that nothing but a firewall or a challenge answers with."""


def _source(name: str, *marks: str, most: int = NOTICE) -> Signature:
    return Signature(name, "challenge", "source", marks=marks, most_characters=most)


def _title(name: str, wall: Wall, pattern: str, most: int = BRANDED) -> Signature:
    return Signature(name, wall, "title", pattern=re.compile(pattern, re.IGNORECASE), most_characters=most)


def _text(name: str, wall: Wall, pattern: str, most: int = NOTICE) -> Signature:
    return Signature(name, wall, "text", pattern=re.compile(pattern, re.IGNORECASE), most_characters=most)


PRODUCTS: tuple[Signature, ...] = (
    _source("瑞数", "$_ts=window", "$_ts = window", "$_ts.nsd", "$_ts.cd", "FSSBBIl1UgzbN7N", "9DhefwqGPrzGxEp9hPaoag"),
    _source("加速乐", "__jsl_clearance", "('_')+('_')+('j')", "__jsluid"),
    _source("知道创宇", "knownsec.com/static", "static.knownsec", "jiasule.com", "yunaq.com/static", "365cyd.com"),
    _source("阿里云 WAF", "errors.aliyun.com", "aliyun_waf_", "aliyunwaf_", "acw_sc__v", "_waf_bd8ce2ce37", "AWSC/uab"),
    _source("阿里云 WAF", "/_____tmd_____/", "x5secdata", "waf_nc_block", "AliyunCaptcha.js"),
    _source(
        "腾讯云 WAF", "waf.tencent-cloud.com", "qcloud/security/static", "/WafCaptcha", "TencentCaptcha(", "TCaptcha.js"
    ),
    _source("华为云 WAF", "HWWAFSESID", "CloudWAF", "hwclouds-waf"),
    _source("长亭雷池", "/.safeline/", "SafeLine", "slg-caption", "Chaitin"),
    _source("360 网站卫士", "wangzhan.360.cn", "WZWSREL", "wzws-waf-cgi", "wzwschallenge", "/wzwscspd/", "WZWS-RAY"),
    _source("安全狗", "safedog.cn", "safedogsite", "safedog-flow-item"),
    _source("云锁", "yunsuo_session", "security_session_verify", "YunSuoAutoJump", "security_verify_data"),
    _source("宝塔", "btwaf", "Ai_captcha", "/BT_WAF"),
    _source("绿盟", "NSFOCUS", "nsfocus"),
    _source("安恒", "dbappwaf", "dbappsecurity", "edun-waf"),
    _source("百度云加速", "yunjiasu", "su.baidu.com"),
    _source("网宿", "WS-SHIELD", "wswebpic.com/waf", "WangsuWAF"),
    _source("上海云盾", "yundun.com", "YUNDUN-"),
    _source("F5", "/TSPD/", "bobcmn", "Your support ID is", "TSPD_101"),
    _source("Cloudflare", "cdn-cgi/challenge-platform", "cf-chl-", "__cf_chl"),
    _source("Imperva", "_Incapsula_Resource", "Incapsula incident ID"),
    _source("Akamai", "errors.edgesuite.net"),
    _source("AWS WAF", "token.awswaf.com", "AwsWafIntegration", "captcha.awswaf"),
    _source("FortiWeb", "fgd_icon", "FortiGuard", "FortiWeb"),
    _source("ModSecurity", "Mod_Security", "ModSecurity"),
    _source("极验", "initGeetest", "static.geetest.com", most=SHELL),
    _source("网易易盾", "cstaticdun.126.net", "initNECaptcha", most=SHELL),
)
"""By what the products write into their pages' source. Pages of agencies never bear these while they show so little."""

_YOU = r"(?:您|你)(?:的|当前|所在|当前的)(?:IP|访问|请求|操作|网络|电脑|提交|行为|地址|设备|终端|计算机)"
_STOPPED = r"(?:异常|频繁|拦截|阻断|阻止|禁止|受限|限制|威胁|风险|攻击|屏蔽|封禁|拒绝|黑名单|不安全)"

SENTENCES: tuple[Signature, ...] = (
    _title(
        "验证页",
        "challenge",
        r"^\W*(?:网站|请进行|请完成|WAF)?(?:访问|安全|人机|滑动|滑块|行为|身份|拼图|点选|机器人|浏览器)?(?:安全)?(?:验证|校验|检测|检查)码?"
        r"(?:页面|页|中心|中|系统)?(?:\W{0,3}|\s*[-_|—].{0,30})$",
    ),
    _title(
        "浏览器检查",
        "challenge",
        r"^(?:Just a moment|Attention Required|Checking your browser|Verify(?:ing)? you|Security Check|Human Verification|Please wait)",
    ),
    _title(
        "防火墙",
        "refusal",
        r"^\W*(?:网站|Web ?应用)?(?:防火墙|创宇盾.{0,8}|安全狗.{0,8}|云锁.{0,8}|.{0,6}拦截(?:提示|页面|通知|信息)?|(?:访问|请求)(?:已)?被?(?:拦截|阻断|阻止|限制|拒绝)|安全(?:拦截|提示|警告|防护)"
        r"|.{0,8}WAF.{0,12}|Request Rejected|Web Page Blocked!?|攻击拦截|访问异常|访问受限|访问过于频繁|ERROR: ACCESS DENIED)\W*$",
    ),
    _text(
        "验证页",
        "challenge",
        r"请(?:您)?(?:先)?(?:完成|进行|通过|点击|按住|拖动|输入)[^。]{0,24}(?:验证|校验|滑块|按钮|拼图)[^。]{0,16}(?:继续|后(?:即可|再|方可)?)\s*(?:正常)?(?:访问|浏览|查看|操作)"
        r"|(?:向右|按住|拖动|拖拽|滑动)(?:下方|左边|左侧|下面|下图)?的?(?:滑块|按钮|拼图)|向右(?:滑动|拖动)|点击(?:下方|按钮|此处|这里)?(?:按钮)?(?:开始|进行|完成)(?:智能)?验证"
        r"|(?:证明|确认|确定)(?:您|你)(?:不?是)[^。]{0,6}(?:机器人|真人|人类|人工)|我不是机器人|为(?:了)?(?:保障|确保|保证|更好的)[^。]{0,24}(?:请|需要?)[^。]{0,10}验证"
        r"|依次点击|请点选|点击图中|浏览器安全(?:检查|检测|验证)|正在(?:检查|检测|验证|校验|确认)(?:您|你)?的?(?:浏览器|访问|环境|网络|是否|请求|安全)|正在进行(?:安全|人机|浏览器)[^。]{0,4}(?:检查|检测|验证)",
    ),
    _text(
        "脚本挑战",
        "challenge",
        r"(?:请|需要)(?:开启|启用|打开)(?:浏览器的?)?\s*(?:Cookie|JavaScript|JS)[^。]{0,8}(?:刷新|重试|继续|后)|enable (?:JavaScript|cookies)[^.]{0,30}(?:refresh|reload|continue)|Checking your browser|unusual traffic|verify (?:that )?you are (?:a )?human",
    ),
    _text(
        "防火墙",
        "refusal",
        rf"{_YOU}[^。]{{0,24}}{_STOPPED}|(?:当前|本次|此次|该)(?:访问|请求|操作|IP)[^。]{{0,16}}{_STOPPED}|疑似(?:黑客|恶意|CC|爬虫)?(?:攻击|行为|访问)|不合法(?:的)?参数|(?:请求|访问|参数)(?:含有|包含|存在|有)[^。]{{0,10}}(?:威胁|风险|非法|恶意|危险|攻击)"
        r"|(?:请求|访问|操作)[^。，]{0,10}(?:已)?被[^。]{0,20}(?:拦截|阻断|阻止|屏蔽)|The requested URL was rejected|Request (?:Rejected|Denied|blocked)|has been blocked|You (?:have been|are) blocked|Not Acceptable!|Web Page Blocked|attack ID"
        r"|(?:网站防火墙|创宇盾|安全狗|云锁|网站卫士|云防护|玄武盾|护卫神|D盾|网防G01|天清|明御|绿盟|雷池|Web应用防火墙)[^。]{0,40}(?:拦截|阻断|防护|保护|提供|拒绝|攻击|提醒)|(?:拦截|阻断|拒绝)[^。]{0,20}(?:网站防火墙|创宇盾|安全狗|云锁|网站卫士|WAF)",
    ),
    _text(
        "访问频率",
        "refusal",
        r"(?:访问|请求|操作|刷新|点击|浏览)(?:速度|频率|次数)?(?:过于|太过|太|过)(?:频繁|快|高|多)|访问频率(?:过高|超限|受限)|Too Many Requests|rate limit exceeded|request(?:s)? (?:is |are )?too (?:frequent|fast)",
        SHELL,
    ),
    _text(
        "访问地区",
        "refusal",
        r"(?:境外|海外|国外)(?:IP|用户|地区|地址)?[^。]{0,10}(?:无法|禁止|限制|暂停|不能)[^。]{0,6}访问|仅(?:限|允许|支持)(?:中国)?(?:境内|大陆|国内)[^。]{0,6}访问|所在(?:的)?(?:国家|地区)[^。]{0,12}(?:无法|不能|禁止|限制|不支持)[^。]{0,6}访问",
        SHELL,
    ),
    _title(
        "维护",
        "closed",
        r"^\W*(?:网站|系统|本站|平台|站点|网页)?(?:正在)?(?:维护|升级|建设|关闭|停机)(?:维护)?中?\W*$",
        NOTICE,
    ),
    _text(
        "维护",
        "closed",
        r"(?:网站|系统|本站|平台|站点)(?:正在|目前|现)?[^。，]{0,6}(?:维护|升级|改版|关闭)(?:维护)?中?[，,。！!\s]*(?:请|敬请|暂|给您|带来|稍后)|(?:请|敬请)稍后(?:再)?(?:访问|再试)[^。]{0,10}维护",
        SHELL,
    ),
    _title(
        "登录",
        "login",
        r"^\W*(?:.{0,20}(?:统一身份认证|单点登录|身份认证|用户登录|统一认证|用户登陆|会员登录|后台登录|管理登录)(?:平台|系统|中心|页面|服务)?|登录|登陆|请登录|Log ?in|Sign ?in|CAS\b.{0,40}|.{0,30}Central Authentication Service)(?:\W{0,3}|\s*[-_|—].{0,30})$",
    ),
    _text(
        "登录",
        "login",
        r"(?:请|需要?)(?:您)?先?(?:登录|登陆)(?:后|系统|之后)?(?:再|才能|方可|即可)?(?:访问|查看|浏览|操作|使用|继续|[！!。.]|$)|(?:您|你)(?:还|尚)?(?:没有|未)(?:登录|登陆)|(?:登录|登陆|会话)(?:已)?(?:超时|过期|失效)|未登录或",
        SHELL,
    ),
)
"""By what they say to their reader. Pages that look like an article of the site are excused (:mod:`govcrawl.guard`)."""

COOKIE_SCRIPT = re.compile(r"document\s*(?:\.\s*cookie|\[\s*['\"]cookie['\"]\s*\])\s*=")
RELOAD_SCRIPT = re.compile(
    r"location\s*\.\s*(?:reload|replace|assign)\s*\(|location(?:\.href)?\s*=|\[\s*['\"]reload['\"]\s*\]|\.submit\s*\("
)
PACKED_SCRIPT = re.compile(
    r"eval\s*\(\s*function\s*\(p,\s*a,\s*c|_0x[0-9a-f]{3,6}|(?:\\x[0-9a-f]{2}){8}|String\.fromCharCode\s*\(|\beval\s*\(|debugger|atob\s*\(|\(!\[\]\+\[\]\)",
    re.IGNORECASE,
)
"""What scripts of challenges do, on pages that show nothing: set a cookie and come again; hide what they are."""

LOGIN_PATH = re.compile(
    r"(?:^|[/._-])(?:login|signin|sign-in|sso|cas|oauth2?|uaa|passport|idp|saml2?|authserver|tysfrz|userlogin|tologin|logon)(?:[/._?-]|\.\w+|$)",
    re.IGNORECASE,
)
"""Where log-in pages stand; compared with the path of a redirect's target, never with a document's own address alone."""

VERIFY_PATH = re.compile(
    r"(?:^|[/._-])(?:captcha|waf[_-]?\w*|verify\w*|challenge|antispider|punish|checkcode|yzm|validate|anti[_-]?bot|security_verify)(?:[/._?-]|$)",
    re.IGNORECASE,
)

ERROR_PATH = re.compile(
    r"(?:^|/)(?:404|error|errors|err|notfound|not[_-]found|page_?404|errorpage|error404|404page|nopage)(?:[/._?-]|$)",
    re.IGNORECASE,
)
"""Error pages that a redirect leads to."""

_THING = r"(?:页面|网页|文章|信息|内容|文件|资源|链接|地址|栏目|稿件|网址|记录|記錄|頁面|公告)"
GONE_TITLE = re.compile(
    r"^\W*(?:404\b|HTTP ?(?:Status )?404|HTTP 错误 404|Not Found|Page Not Found|Error 404|Object not found|页面不存在|找不到页面|页面未找到|页面找不到|无法找到|找不到网页|您访问的页面不存在|出错了|错误页面?|错误提示|页面丢失|该?(?:页面|信息|文章|内容)(?:已)?(?:不存在|被?删除|下线|过期|失效)"
    r"|抱歉.{0,6}(?:不存在|找不到|没有找到)|.{0,20}[-_|]\s*404(?:页面|错误)?\s*$)",
    re.IGNORECASE,
)
GONE_TEXT = re.compile(
    rf"{_THING}\s*(?:可能)?(?:已(?:经)?(?:被)?(?:删除|移除|撤销|撤回|下架|下线|失效|过期|移走|转移)|被(?:删除|移除|撤销)|不存在|没有找到|未找到|找不到|无法找到|走丢|丢失|飞走|无效|不见了)"
    rf"|(?:找不到|无法找到|未找到|没有找到|未能找到|没找到)(?:您|你)?(?:所|要|想)?(?:访问|请求|浏览|查看|找|要)?的?{_THING}|(?:您|你)(?:所|要|想)?(?:访问|请求|浏览|查看|找)的?{_THING}?[^。]{{0,8}}(?:不存在|不见了|找不到|已删除|已被删除|飞走|走丢|丢失)"
    r"|404\s*(?:Not Found|错误|页面|Error)|\bNot Found\b|HTTP (?:Status )?404|Error 404|no longer (?:exists|available)|(?:could not|cannot|can't) be found|文档不存在|参数错误|ID(?:不存在|错误|有误)|已(?:过期)?下线",
    re.IGNORECASE,
)
GONE_MARKUP = re.compile(
    r"""(?:class|id|src|alt)\s*=\s*["']?[^"'>]{0,60}\b(?:error|page|img|pic|icon|err|bg|tips?|box|wrap)?[-_]?404\b""",
    re.IGNORECASE,
)
"""Soft 404s: a title, a sentence, or what the page's designer called its picture; the last counts beside a sentence only."""

FURNITURE = re.compile(
    r"(?:发布(?:时间|日期|机构|单位)|发文(?:日期|机关|字号)|成文日期|生成日期|信息来源|文章来源|来\s*源|稿源|索\s*引\s*号|作者|责任编辑|编辑|点击数|浏览次数|字体|字号)\s*[：:]"
)
"""What the site prints around an article and no wall prints."""

DOCUMENT_TITLE = re.compile(
    r"(?:通知|公告|公示|通告|办法|意见|决定|解读|指南|问答|说明|方案|规定|细则|批复|函|报告|纪要|倡议书|声明|启事|须知|规程|条例|标准|提醒|提示函|清单|目录|名单|新闻|简报|手册|答复|回复|计划|总结|规划|预案|决算|预算|结果|情况|会议|培训|活动|工作|建设)(?:[（(〔［\[][^）)]{0,30}[）)〕］\]]|\d{0,8}|[-_|—].{0,40})?\s*$"
)
"""How titles of disclosed documents end."""
