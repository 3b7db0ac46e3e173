/** What is special about a model, in a word each. */
import type { Model } from '../api/models'
import { Tag } from '../ui/status'

export function Badges({ model: { isPinned, isDefault, catalogId } }: { model: Model }) {
  return (
    <>
      {isDefault && <Tag tone="accent">Default</Tag>}
      {isPinned && <Tag>Pinned</Tag>}
      {catalogId && <Tag>In the catalog</Tag>}
    </>
  )
}
