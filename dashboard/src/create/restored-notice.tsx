/** Says that what stands here comes from before, and offers to drop it. */
import { Button } from '../ui/button'
import { Notice } from '../ui/status'

export function RestoredNotice({ onDiscard }: { onDiscard: () => void }) {
  return (
    <Notice
      tone="info"
      role="status"
      title="Your draft is back"
      actions={
        <Button size="small" onClick={onDiscard}>
          Discard draft
        </Button>
      }
    >
      Keys and tokens are never kept; enter them again.
    </Notice>
  )
}
