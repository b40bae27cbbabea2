"""Labelled walls: challenges, refusals, log-in walls and soft 404s, written for this project in the shape of real ones.

Each is (status, body); all are what an agency's site answered instead of a document or a list.
"""

from __future__ import annotations

from benchmarks.genuine import CHROME, FOOT

Case = tuple[int, str]


def shell(title: str, body: str, head: str = "") -> str:
    """A page of its own, without the site's furniture."""
    return f"<!DOCTYPE html><html><head><meta charset='utf-8'>{head}<title>{title}</title></head><body>{body}</body></html>"


JSL_1 = "<script>document.cookie=('_')+('_')+('j')+('s')+('l')+('_')+('c')+(+!+[]+'')+';path=/';location.href=location.pathname+location.search</script>"
JSL_2 = """<script>var _0x5c9d=['\\x6c\\x6f\\x63','bts'];function go(a){var d=new Date();document['cookie']=a.tn+'='+a.ct+';Max-age=3600';setTimeout(function(){location['href']=location['pathname']},1500)};
go({"bts":["1709600000.111|0|abc","def%3D"],"chars":"abcdefg","ct":"4b1f","ha":"md5","is":true,"tn":"__jsl_clearance_s","vt":"3600","wt":"1500"})</script>"""
RUISHU = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"/><meta id="9DhefwqGPrzGxEp9hPaoag" content="{vl4c6x7e!x7,m" r="m">
<script type="text/javascript" charset="utf-8" src="/4QbVtADbnLVIc/c.FxJzG50F.dfe1675.js" r='m'></script><script type="text/javascript" r="m">(function(){var _$jh=0,_$Kz=[[4,3,8],[2,1]];})()</script></head><body></body></html>"""
RUISHU_TS = "<html><head><script>$_ts=window['$_ts'];if(!$_ts)$_ts={};$_ts.nsd=58431;$_ts.cd=\"qErXrrAlcGEl\";if($_ts.lcd)$_ts.lcd();</script><script src='/Rq1w/x.7d.js'></script></head><body>%s</body></html>"
SAFEDOG = shell(
    "网站防火墙",
    "<div class='t'><h1>网站防火墙</h1></div><p>您的请求带有不合法参数，已被网站管理员设置拦截！</p><p>可能原因：您提交的内容包含危险的攻击请求</p><p>如何解决：</p>"
    "<ul><li>1）检查提交内容；</li><li>2）如网站托管，请联系空间提供商；</li><li>3）普通网站访客，请联系网站管理员；</li></ul>",
)
ALIYUN = shell(
    "405",
    "<div data-spm='a3c0e'><img src='//errors.aliyun.com/images/TB1TpamHpXXXXaJXXXXeB7nYVXX.png'><p>很抱歉，由于您访问的URL有可能对网站造成安全威胁，您的访问被阻断。</p>"
    "<p>您的请求ID是：<strong id='traceid'>76b20f8d17096000001234567e</strong></p><p>如有疑问，请联系网站管理员。</p></div>",
)
ACW = "<html><script>var arg1='3A6F2C1B9D';var _0x4818=['\\x63\\x73','\\x77'];function setCookie(n,v){document.cookie=n+'='+v}setCookie('acw_sc__v2',x);document.location.reload()</script></html>"
PUNISH = """{"ret":["FAIL_SYS_USER_VALIDATE","RGV587_ERROR::SM"],"data":{"url":"https://www.yunling.test:443//zwgk/_____tmd_____/punish?x5secdata=xc0d&x5step=1"}}"""
TENCENT = shell(
    "腾讯T-Sec Web应用防火墙(WAF)",
    "<div><p>很抱歉，您提交的请求可能对网站造成威胁，请求已被管理员设置的策略阻断。</p><p>UUID：2d1b7f8e-0001-4a5c</p><p>若您是网站用户，请联系网站管理员并提供以上 UUID。</p></div>",
)
HUAWEI = shell(
    "418",
    "<div class='box'><p>您的请求疑似攻击行为！</p><p>事件ID：02-0000-0000-0000-152202403050930</p><p>如果您是网站管理员，请前往控制台查看详情。</p></div>",
)
CHAITIN = shell(
    "访问已被拦截",
    "<div><h3>请求存在威胁，已被拦截</h3><p>如您认为是误拦截，请联系网站管理员并提供事件 ID：e5f0c1a2</p><p>安全检测能力由 长亭雷池 WAF 提供</p></div><!-- event_id: e5f0 TYPE: A -->",
)
BT = shell(
    "宝塔网站防火墙",
    "<h1>您的请求带有不合法参数，已被网站管理员设置拦截！</h1><p>可能原因：您提交的内容包含危险的攻击请求</p><p>如何解决：检查提交内容；如网站托管，请联系空间提供商。</p>",
)
CLOUDFLARE = shell(
    "Just a moment...",
    "<div class='main-wrapper'><h1>www.yunling.test</h1><noscript>Enable JavaScript and cookies to continue</noscript></div><script>window._cf_chl_opt={cvId:'3'};</script><script src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1'></script>",
)
F5 = "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your administrator.<br><br>Your support ID is: 1234567890123<br><br><a href='javascript:history.back();'>[Go Back]</a></body></html>"
SLIDER = shell(
    "滑动验证页面",
    "<div id='nocaptcha'><h2>访问验证</h2><p>别离开，为了更好的访问体验，请进行验证，通过后即可继续访问网页</p><div id='nc'></div></div><script src='https://g.alicdn.com/AWSC/AWSC/awsc.js'></script>",
)
CAS_FORM = "<form id='fm1' action='/cas/login' method='post'><input name='username' placeholder='请输入账号'><input name='password' type='password'><input name='execution' type='hidden' value='e1s1'><button>登录</button></form>"

CHALLENGES: dict[str, Case] = {
    "521 first stage": (521, JSL_1),
    "521 second stage": (521, JSL_2),
    "521 stage two at 200": (200, JSL_2),
    "521 stage one at 200": (200, JSL_1 + " " * 400),
    "521 empty": (521, ""),
    "加速乐 in a page": (200, f"<html><head></head><body>{JSL_1}</body></html>"),
    "412 瑞数": (412, RUISHU),
    "412 empty": (412, ""),
    "412 with a title": (412, shell("请稍候", "<p>正在加载</p>")),
    "202 瑞数": (202, RUISHU),
    "202 瑞数 $_ts": (202, RUISHU_TS % ""),
    "200 瑞数 $_ts": (200, RUISHU_TS % ""),
    "200 瑞数 with noscript": (200, RUISHU_TS % "<noscript>请开启JavaScript并刷新该页.</noscript>"),
    "400 瑞数": (400, RUISHU_TS % "<input type='hidden' id='__onload__' name='x' value='y'>"),
    "创宇盾 403": (
        403,
        shell(
            "创宇盾安全提示",
            "<h1>当前访问疑似黑客攻击，已被创宇盾拦截</h1><p>如果您是网站管理员，请登录知道创宇云安全查看详情</p><p>客户端 IP：192.0.2.7 拦截时间：2024-03-05 09:30:11</p>",
        ),
    ),
    "创宇盾 200": (200, shell("403", "<img src='//static.knownsec.com/static/waf.png'><p>您的访问可能存在风险</p>")),
    "安全狗 403": (403, SAFEDOG),
    "安全狗 200": (200, SAFEDOG),
    "安全狗 493": (493, "<html><body>blocked</body></html>"),
    "云锁 403": (403, shell("拦截提示", "<p>您的请求存在安全风险，已被云锁拦截</p><p>访问 IP：192.0.2.7</p>")),
    "云锁 challenge": (
        200,
        "<html><head><script>function stringToHex(s){}function YunSuoAutoJump(){var w=screen.width;self.location='/zwgk/?security_verify_data='+stringToHex(w)}</script></head><body onload='YunSuoAutoJump()'></body></html>",
    ),
    "360 网站卫士": (
        405,
        shell(
            "网站卫士拦截",
            "<p>很抱歉，您的访问可能对网站造成威胁，已被360网站卫士拦截</p><p>事件编号：WZWS-RAY-114-20240305093011.456</p>",
        ),
    ),
    "360 challenge": (
        200,
        "<html><script>var dynamicurl='/WZWSREL3p3Z2s=';var wzwsquestion='abc';var wzwsfactor='4093';eval(function(p,a,c,k,e,r){return p}('0',1,1,''.split('|'),0,{}))</script></html>",
    ),
    "阿里云 405": (405, ALIYUN),
    "阿里云 403": (403, ALIYUN),
    "阿里云 200": (200, ALIYUN),
    "阿里云 acw_sc__v2": (200, ACW),
    "阿里云 slider": (200, SLIDER),
    "阿里云 punish as JSON": (200, PUNISH),
    "腾讯云 501": (501, TENCENT),
    "腾讯云 403": (403, TENCENT),
    "腾讯云 frame": (
        200,
        "<html><body style='margin:0'><iframe src='https://waf.tencent-cloud.com/501page.html?u=http://www.yunling.test/&id=2d1b' width='100%'></iframe></body></html>",
    ),
    "腾讯云 验证码": (
        200,
        shell("WAF验证码", "<div id='cap'></div><script>new TencentCaptcha('1951','cb').show()</script>"),
    ),
    "华为云 418": (418, HUAWEI),
    "华为云 403": (403, HUAWEI),
    "雷池 403": (403, CHAITIN),
    "雷池 468": (
        468,
        shell(
            "Protected By Chaitin SafeLine WAF",
            "<p>正在确认你是不是机器人</p><script src='/.safeline/static/app.js'></script>",
        ),
    ),
    "雷池 200": (
        200,
        shell("人机验证", "<p>正在确认你是不是机器人，请稍候</p><script src='/.safeline/static/app.js'></script>"),
    ),
    "绿盟 403": (
        403,
        shell("ERROR", "<p>您的访问请求可能存在攻击行为，已被绿盟WEB应用防护系统拒绝。</p><p>事件编号 20240305-77</p>"),
    ),
    "绿盟 406": (406, "<html><body><h1>NSFOCUS WAF</h1>The request is blocked</body></html>"),
    "安恒 403": (
        403,
        shell(
            "访问被拦截",
            "<p>当前请求被明御WEB应用防火墙拦截</p><p>时间：2024-03-05 09:30:11</p><p>来访地址：192.0.2.7</p>",
        ),
    ),
    "玄武盾": (200, shell("安全提示", "<p>您的请求已被玄武盾拦截，事件 ID 7788。</p>")),
    "宝塔 403": (403, BT),
    "宝塔 slider": (
        200,
        shell("宝塔防火墙", "<p>人机验证，请完成下列验证后继续访问</p><div class='slide'>向右滑动完成验证</div>"),
    ),
    "宝塔 JS": (200, "<html><body><script src='/btwaf_js_8c1f.js'></script></body></html>"),
    "网防G01": (403, shell("网防G01", "<p>您所提交的请求含有不合法的参数，已被网站管理员设置拦截！</p>")),
    "D盾": (200, shell("D盾_拦截提示", "<p>访问内容有潜在危险，已被 D盾 拦截</p>")),
    "护卫神": (200, shell("警告", "<p>您的请求包含非法内容，已被护卫神·入侵防护系统拦截。</p>")),
    "百度云加速": (
        503,
        shell(
            "正在检查您的浏览器",
            "<p>百度云加速正在检查您的浏览器，请稍候 5 秒</p><script src='//su.baidu.com/chl.js'></script>",
        ),
    ),
    "上海云盾": (403, shell("403", "<p>您的IP已被限制访问</p><!-- YUNDUN-CDN -->")),
    "网宿": (403, shell("访问拦截", "<p>您的访问行为异常，已被网站安全策略拦截。</p><p>节点：SZ-03</p>")),
    "F5 200": (200, F5),
    "F5 TSPD": (
        200,
        "<html><head><script type='text/javascript' src='/TSPD/08e3?type=8'></script></head><body><noscript>Please enable JavaScript to view the page content.</noscript></body></html>",
    ),
    "Cloudflare 403": (403, CLOUDFLARE),
    "Cloudflare 503": (503, CLOUDFLARE),
    "Imperva": (
        200,
        "<html><head><script src='/_Incapsula_Resource?SWJIYLWA=719'></script></head><body><iframe id='main-iframe' src='/_Incapsula_Resource?CWUDNSAI=9'>Request unsuccessful. Incapsula incident ID: 77</iframe></body></html>",
    ),
    "Akamai": (
        403,
        "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>You don't have permission to access this resource.<P>Reference #18.1f2e.1709<P>https://errors.edgesuite.net/18.1f2e</BODY></HTML>",
    ),
    "AWS 202": (
        202,
        "<html><head><script src='https://0a1b.token.awswaf.com/0a1b/challenge.js'></script></head><body><div id='challenge-container'></div></body></html>",
    ),
    "FortiWeb": (
        403,
        shell(
            "Web Page Blocked!",
            "<p>The page cannot be displayed. Please contact the administrator.</p><p>URL: /zwgk/ Attack ID: 20000008</p>",
        ),
    ),
    "ModSecurity 406": (
        406,
        "<html><head><title>Not Acceptable!</title></head><body><h1>Not Acceptable!</h1><p>An appropriate representation of the requested resource could not be found on this server. This error was generated by Mod_Security.</p></body></html>",
    ),
    "访问验证": (200, shell("访问验证", "<p>请完成滑动验证后继续访问</p>")),
    "安全验证 with chrome": (
        200,
        shell("安全验证", CHROME + "<div class='yz'>请输入图片中的字符 <input name='c'><img src='/yzm'></div>" + FOOT),
    ),
    "人机验证": (200, shell("人机身份验证", "<p>为了保障网站安全，请您完成下方验证</p><canvas id='p'></canvas>")),
    "拼图": (200, shell("云岭市人民政府", "<p>拖动下方滑块完成拼图</p><div class='jigsaw'></div>")),
    "点选": (200, shell("请稍候", "<p>请依次点击：云 岭 市</p><img src='/c/7.jpg'>")),
    "按钮": (
        200,
        shell("云岭市人民政府", "<p>检测到您的访问行为异常，点击按钮开始智能验证</p><button>点击验证</button>"),
    ),
    "验证码 field": (
        200,
        shell(
            "云岭市",
            "<form action='/check'>验证码：<input type='text' name='code'><img src='/code.jsp'><input type='submit' value='提交'></form>",
        ),
    ),
    "请输入验证码继续": (
        200,
        shell("提示", "<p>您的访问过于频繁，请输入验证码后继续访问</p><form><input name='v'><img src='/v.jpg'></form>"),
    ),
    "频率 200": (200, shell("提示", "<p>访问过于频繁，请稍后再试！</p>")),
    "频率 403": (403, shell("403", "<p>您的请求过于频繁，已被系统限制，请 10 分钟后再试。</p>")),
    "频率 plain": (200, "访问频率过高，请稍后再试"),
    "频率 script": (200, "<script>alert('您的访问太频繁，请稍后再试');history.back();</script>"),
    "异常流量": (200, shell("云岭市司法局", "<p>系统检测到您的网络存在异常流量，请稍后再访问。</p>")),
    "黑名单": (403, shell("提示", "<p>您的IP地址 192.0.2.7 已被列入黑名单，请联系管理员。</p>")),
    "境外": (403, shell("访问受限", "<p>本网站仅限中国境内访问。</p>")),
    "境外 200": (200, shell("提示信息", "<p>抱歉，境外IP暂时无法访问本网站。</p>")),
    "浏览器检查": (
        200,
        shell(
            "请稍候…",
            "<p>正在检查您的浏览器安全环境，请稍候</p><script>setTimeout(function(){location.reload()},3000)</script>",
        ),
    ),
    "cookie and reload": (
        200,
        "<html><body><script>var t=new Date();document.cookie='k='+t.getTime()%97+';path=/';window.location.reload();</script></body></html>",
    ),
    "cookie with 加载中": (
        200,
        shell(
            "加载中",
            "<p>页面加载中，请稍候...</p><script>function f(){document.cookie='guard='+btoa('x');location.replace(location.href)}f()</script>",
        ),
    ),
    "packed": (
        200,
        "<html><head><script>eval(function(p,a,c,k,e,d){e=function(c){return c};return p}('1 0=2',3,3,'a|var|b'.split('|'),0,{}))</script></head><body></body></html>",
    ),
    "obfuscated": (
        200,
        "<html><body><script>var _0x3f2a=['\\x63\\x6f\\x6f\\x6b\\x69\\x65','\\x72\\x65'];(function(_0x1b,_0x2c){while(--_0x2c){}}(_0x3f2a,0x1f));</script></body></html>",
    ),
    "JS form": (
        200,
        "<html><body onload='document.forms[0].submit()'><form method='post' action='/waf_verify'><input type='hidden' name='t' value='9'></form><script>document.cookie='a=1'</script></body></html>",
    ),
    "jump to captcha": (
        200,
        "<html><script>window.location.href='/captcha/index.html?back=%2Fzwgk%2F'</script></html>",
    ),
    "refresh to verify": (
        200,
        "<html><head><meta http-equiv='refresh' content='0;url=/waf/verify?u=1'></head><body></body></html>",
    ),
    "frame with captcha": (200, "<html><body><iframe src='/captcha/show?t=1' width='400'></iframe></body></html>"),
    "empty": (200, ""),
    "two bytes": (200, "\r\n"),
    "OK": (200, "OK"),
    "empty 202": (202, ""),
    "empty shell": (200, "<html><head></head><body></body></html>"),
    "comment": (200, "<!-- 0 -->"),
    "维护": (200, shell("网站维护中", "<p>网站正在升级维护，给您带来的不便敬请谅解。</p>")),
    "维护 200": (200, shell("云岭市司法局", "<p>系统正在维护中，请稍后访问。</p>")),
}

LOGINS: dict[str, Case] = {
    "统一身份认证": (200, shell("统一身份认证平台", CAS_FORM)),
    "统一身份认证 with footer": (200, shell("云岭市统一身份认证中心", CHROME + CAS_FORM + FOOT)),
    "CAS": (200, shell("CAS – Central Authentication Service", CAS_FORM)),
    "单点登录 app": (200, shell("单点登录系统", "<div id='app'></div><script src='/static/js/app.js'></script>")),
    "用户登录": (200, shell("用户登录", f"<h1>云岭市政务内网</h1>{CAS_FORM}")),
    "no title": (200, "<html><body><form>用户名<input name=u>密码<input type='password'></form></body></html>"),
    "请先登录": (200, shell("提示", "<p>您还没有登录，请先登录！</p><a href='/login'>登录</a>")),
    "登录超时": (200, "<script>alert('登录超时');</script><p>会话已过期，请重新登录</p>"),
    "jump to login": (
        200,
        "<html><head></head><body><script>top.location.href='/sso/login?service=%2Fzwgk%2F'</script></body></html>",
    ),
    "refresh to login": (200, "<html><head><meta http-equiv=refresh content='0;url=/login.jsp'></head></html>"),
    "登录后查看": (200, shell("云岭市", "<p>该内容需要登录后才能查看</p>")),
    "Sign in": (200, shell("Sign in - Portal", CAS_FORM)),
}

SOFT_404S: dict[str, Case] = {
    "refresh to parent": (
        200,
        '<html><head><meta http-equiv="refresh" content="0;URL=../"></head><body></body></html>',
    ),
    "refresh to home with words": (
        200,
        "<html><head><META HTTP-EQUIV=Refresh CONTENT=\"3; url='/'\"></head><body>页面不存在，3 秒后返回首页</body></html>",
    ),
    "script to home": (200, "<html><script>window.location.href='/index.html';</script></html>" + " " * 300),
    "script to error page": (200, "<html><script>location.href='/error/404.html'</script></html>" + " " * 300),
    "script to parent": (200, "<html><body><script>location.replace('../')</script></body></html>" + " " * 300),
    "sentence": (200, shell("提示", "<p>对不起，您访问的页面不存在！</p><a href='/'>返回首页</a>")),
    "deleted": (200, shell("", "<div>该信息已被删除</div>" + " " * 300)),
    "title 404 with chrome": (200, shell("404-页面没有找到", CHROME + "<p>返回首页</p>" + FOOT)),
    "title 404 error with chrome": (200, shell("错误提示", CHROME + "<p>您要查看的信息可能已经移走</p>" + FOOT)),
    "picture 404 with chrome": (
        200,
        shell(
            "云岭市人民政府",
            CHROME
            + "<div class='error-404'><img src='/images/404.png'><p>抱歉，您访问的页面不存在或已删除</p></div>"
            + FOOT,
        ),
    ),
    "tomcat at 200": (
        200,
        shell(
            "HTTP Status 404 – Not Found",
            "<h1>HTTP Status 404 – Not Found</h1><p>The origin server did not find a current representation</p>",
        ),
    ),
    "nginx at 200": (
        200,
        "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr><center>nginx</center></body></html>",
    ),
    "IIS at 200": (
        200,
        shell(
            "404 - 找不到文件或目录。",
            "<h2>404 - 找不到文件或目录。</h2><h3>您要查找的资源可能已被删除，已更改名称或者暂时不可用。</h3>",
        ),
    ),
    "走丢了": (200, shell("云岭市人民政府", "<p>哎呀，您访问的页面走丢了</p><a href='/'>返回首页</a>")),
    "文章下线": (200, shell("云岭市司法局", "<p>该文章已下线</p>")),
    "稿件": (200, shell("提示信息", "<p>稿件不存在或已被撤销</p>")),
    "参数": (200, shell("错误", "<p>文档不存在，ID有误</p>")),
    "English": (200, shell("Page Not Found", "<p>The page you are looking for could not be found.</p>")),
    "404 status": (404, shell("404", "<p>没有</p>")),
    "410 status": (410, ""),
    "404 status styled": (404, shell("云岭市人民政府", CHROME + "<p>您访问的内容找不到了</p>" + FOOT)),
    "alert and back": (200, "<html><body><p>找不到您要访问的页面</p><script>history.go(-1)</script></body></html>"),
    "信息已失效": (200, shell("云岭市公共资源交易中心", "<p>该公告已过期失效</p>")),
    "traditional": (200, shell("提示", "<p>頁面不存在</p>")),
}
