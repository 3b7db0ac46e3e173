/** Put a text on the clipboard; false where the browser does not let us (a page that came over plain HTTP). */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyByCommand(text)
  }
}

/** The old way, which needs no secure page. */
function copyByCommand(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'visually-hidden'
  const focused = document.activeElement
  // Within the open dialog, if there is one: outside of it nothing can take the focus.
  const parent = focused?.closest('[role=dialog]') ?? document.body
  parent.append(area)
  area.focus()
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return isCopied
}
