/** Having a worker go through the cache now; asked for from the Models page and from Storage. */
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { asProblem } from '../api/client'
import { rescan } from '../api/storage'
import { announce } from '../live/announcer'
import { complain } from '../ui/toasts'

export function useRescan() {
  const queries = useQueryClient()
  const [isBusy, setBusy] = useState(false)
  const run = async () => {
    if (isBusy) return
    setBusy(true)
    try {
      await rescan(queries)
      announce('The cache was scanned')
    } catch (error) {
      const problem = asProblem(error)
      complain('The cache could not be scanned', `${problem.message} ${problem.remedy}`.trim())
    } finally {
      setBusy(false)
    }
  }
  return { isBusy, rescan: () => void run() }
}
