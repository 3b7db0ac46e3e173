/** Text that is still being typed. */
import { useEffect, useState } from 'react'

/** Milliseconds after the last key before anybody is asked. */
const PAUSE = 350

/** A value once it has not changed for a moment. */
export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
