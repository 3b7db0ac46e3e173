"""What a finger does on a phone, and what would be in its way."""

from playwright.sync_api import Locator, Page

# Pixels: what a finger hits without aiming (WCAG 2.5.5), less what rounding takes.
LEAST_TARGET = 43.5

_TOO_SMALL = """
(least) => {
  const dialogs = [...document.querySelectorAll('[role=dialog], [role=alertdialog]')]
  const room = document.querySelector('[role=menu]') ?? dialogs.at(-1) ?? document.body
  const roles = ['button', 'checkbox', 'link', 'menuitem', 'menuitemcheckbox', 'radio', 'switch', 'tab']
  const kinds = ['a[href]', 'button', 'input', 'select', 'summary', 'textarea']
  const targets = [...kinds, ...roles.map((role) => `[role=${role}]`)].join()
  const isSeen = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    !element.closest('[inert]') &&
    element.getBoundingClientRect().bottom + scrollY > 0 // above the page: a skip link without focus
  // A box or radio with words is hit by hitting the words.
  const wordsOf = (element) => [...(element.labels ?? []), element.closest('label')].filter(Boolean)
  const isLarge = ({ width, height }) => width >= least && height >= least
  const isInSentence = (element) =>
    getComputedStyle(element).display === 'inline' &&
    element.matches('a, button') &&
    element.parentElement.textContent.trim().length > element.textContent.trim().length
  // How far from its middle it is still hit: what is drawn around it (::after) counts.
  const reach = (element, x, y) => {
    element.scrollIntoView({ block: 'center', inline: 'center' })
    const box = element.getBoundingClientRect()
    const middle = [box.left + box.width / 2, box.top + box.height / 2]
    let far = 0
    const isHit = (step) => {
      const found = document.elementFromPoint(middle[0] + x * step, middle[1] + y * step)
      return found && (element.contains(found) || wordsOf(element).some((words) => words.contains(found)))
    }
    while (far < least && isHit(far)) far += 0.5
    return far
  }
  const sizeByHand = (element) => ({
    width: reach(element, -1, 0) + reach(element, 1, 0),
    height: reach(element, 0, -1) + reach(element, 0, 1),
  })
  const found = []
  for (const element of room.querySelectorAll(targets)) {
    if (element.matches('[data-base-ui-focus-guard], [type=hidden]') || !isSeen(element)) continue
    if (element.disabled || isInSentence(element)) continue
    const boxes = [element, ...wordsOf(element)].map((one) => one.getBoundingClientRect())
    // Base UI puts a native input for forms beside its own control.
    if (boxes.some(isLarge) || (element.ariaHidden === 'true' && element.matches('input'))) continue
    const { width, height } = sizeByHand(element)
    if (!isLarge({ width, height })) found.push(`${width}×${height}: ${element.outerHTML.slice(0, 140)}`)
  }
  return found
}
"""

_SIDEWAYS = """
(width) => {
  const page = document.documentElement
  const found = page.scrollWidth > width ? [`the page is ${page.scrollWidth} wide`] : []
  for (const element of document.querySelectorAll('body *')) {
    const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowY)
    const isLong = element.scrollHeight > element.clientHeight + 1
    if (scrolls && isLong && element.scrollWidth > element.clientWidth + 1)
      found.push(`${element.scrollWidth} in ${element.clientWidth}: ${element.outerHTML.slice(0, 100)}`)
  }
  return found
}
"""

_SMALL_PRINT = """
() => [...document.querySelectorAll('input:not([type=radio], [type=checkbox]), select, textarea')]
  .filter((element) => element.checkVisibility() && parseFloat(getComputedStyle(element).fontSize) < 16)
  .map((element) => element.outerHTML.slice(0, 100))
"""


def small_targets(page: Page) -> list[str]:
    """What can be hit and is smaller than a finger; links within a sentence may be."""
    return list(page.evaluate(_TOO_SMALL, LEAST_TARGET))


def sideways(page: Page) -> list[str]:
    """What must be moved sideways to be read, although it is to be moved up and down already."""
    assert page.viewport_size
    return list(page.evaluate(_SIDEWAYS, page.viewport_size["width"]))


def small_print(page: Page) -> list[str]:
    """Inputs so small that an iPhone zooms in on them."""
    return list(page.evaluate(_SMALL_PRINT))


def swipe(element: Locator, x: float, y: float) -> None:
    """Put a finger on the middle of something and move it so many pixels."""
    element.scroll_into_view_if_needed()  # once it has come to rest
    box = element.bounding_box()
    assert box
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    devtools = element.page.context.new_cdp_session(element.page)
    devtools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    for step in range(1, 11):
        moved = {"x": at["x"] + x * step / 10, "y": at["y"] + y * step / 10}
        devtools.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [moved]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    devtools.detach()
