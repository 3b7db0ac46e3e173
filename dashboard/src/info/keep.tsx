/** Whether a model may be suggested for a clean-up. */
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useMay } from '../api/auth'
import { asProblem } from '../api/client'
import { cacheKey } from '../api/cache'
import { type Model, putModel, updateModel } from '../api/models'
import { Switch } from '../ui/switch'
import { complain } from '../ui/toasts'
import styles from './info.module.css'

/** For those who may change it; the others see the badge. */
export function Keep({ model }: { model: Model }) {
  const queries = useQueryClient()
  const may = useMay()
  const [wished, setWished] = useState<boolean | null>(null)
  if (!may('admin')) return null
  const pin = async (isPinned: boolean) => {
    setWished(isPinned)
    try {
      putModel(queries, await updateModel(model.id, { isPinned }))
      void queries.invalidateQueries({ queryKey: cacheKey })
    } catch (error) {
      const problem = asProblem(error)
      complain(`${model.name} could not be changed`, `${problem.message} ${problem.remedy}`.trim())
    } finally {
      setWished(null)
    }
  }
  return (
    <div className={styles.keep}>
      <Switch
        checked={wished ?? model.isPinned ?? false}
        disabled={wished !== null}
        onChange={(isOn) => void pin(isOn)}
        hint="Never suggested for clean-up, and never removed to keep within a quota"
      >
        Keep
      </Switch>
    </div>
  )
}
