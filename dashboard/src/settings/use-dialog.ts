/** A dialog of this page: what it is about stays while it fades, and each opening begins anew. */
import { useState } from 'react'

type Opened<About> = {
  /** Differs for each opening. */
  key: number
  /** What it is or was last about; null: it was never open. */
  about: About | null
  isOpen: boolean
}

export function useDialog<About>() {
  const [state, setState] = useState<Opened<About>>({ key: 0, about: null, isOpen: false })
  return {
    ...state,
    open: (about: About) => setState({ key: state.key + 1, about, isOpen: true }),
    close: () => setState((last) => ({ ...last, isOpen: false })),
  }
}
