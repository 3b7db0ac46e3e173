/** One request at a time, and what was refused about it. */
import { useState } from 'react'
import { asProblem, type Problem } from '../api/client'

export type Asking = {
  isBusy: boolean
  /** Why it was refused, where no field is to blame. */
  problem: Problem | null
  /** What is wrong with the fields, by their names. */
  wrong: Readonly<Record<string, string | undefined>>
  /** Runs a request; what it throws is the problem. */
  ask: (request: () => Promise<void>) => void
  /** Something else is typed now. */
  forget: () => void
}

/** `fieldOf`: which field a code is about, where the answer names none. */
export function useAsking(fieldOf: Readonly<Record<string, string>> = {}): Asking {
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<Problem | null>(null)
  const wrong = refusal ? wrongFields(refusal, fieldOf[refusal.code]) : {}
  const run = async (request: () => Promise<void>) => {
    setBusy(true)
    setRefusal(null)
    try {
      await request()
    } catch (error) {
      setRefusal(asProblem(error))
    } finally {
      setBusy(false)
    }
  }
  return {
    isBusy,
    problem: Object.keys(wrong).length ? null : refusal,
    wrong,
    ask: (request) => {
      if (!isBusy) void run(request)
    },
    forget: () => setRefusal(null),
  }
}

function wrongFields(problem: Problem, field: string | undefined): Record<string, string> {
  if (field) return { [field]: problem.message }
  return Object.fromEntries(
    Object.entries(problem.errors).map(([name, messages]) => [name, messages.join(' ')]),
  )
}
