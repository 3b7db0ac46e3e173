/** The kinds of models, one at a time. */
import { RadioTabs } from '../ui/radio-tabs'
import { type Kind, KIND_NAMES, KINDS } from './filters'
import { changeView } from './view'

export function KindTabs({ kind, counts }: { kind: Kind; counts: Record<Kind, number> | null }) {
  return (
    <RadioTabs
      label="Kind"
      value={kind}
      values={KINDS}
      names={KIND_NAMES}
      counts={counts}
      onChange={choose}
    />
  )
}

const choose = (kind: Kind) => changeView({ kind })
