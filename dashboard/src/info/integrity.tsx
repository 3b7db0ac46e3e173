/** Whether every byte on the disk is as it was recorded. */
import { CircleCheck, ShieldCheck } from 'lucide-react'
import { useMay } from '../api/auth'
import type { Model } from '../api/models'
import { dateTime } from '../lib/format'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import { Fact, Facts, Section } from './fact'
import styles from './info.module.css'
import type { Work } from './use-work'
import { WorkProgress } from './work-progress'

export function Integrity({ model, work }: { model: Model; work: Work }) {
  const may = useMay()
  const { now, ended, problem } = work
  const result = ended?.operation === 'verify' ? ended : null
  return (
    <Section title="Integrity">
      <Facts>
        <Fact name="Verified">
          {model.verifiedAt ? dateTime(model.verifiedAt) : <span className={styles.quiet}>Not yet</span>}
        </Fact>
      </Facts>
      <div className={styles.care}>
        {now?.operation === 'verify' && <WorkProgress model={model} work={now} />}
        {!now && result?.result === 'intact' && (
          <Notice tone="ok" role="status" icon={<CircleCheck size={16} />} title="Every byte is right">
            {model.verifiedAt && `Verified ${dateTime(model.verifiedAt)}.`}
          </Notice>
        )}
        {!now && result?.status === 'failed' && (
          <Notice tone="bad" role="alert" title={result.error?.detail ?? 'It could not be verified.'}>
            {result.error?.remedy}
          </Notice>
        )}
        {problem && !ended && (
          <Notice tone="bad" role="alert" title={problem.message}>
            {problem.remedy}
          </Notice>
        )}
        {!now && model.downloaded && may('operator') && (
          <div>
            <Button
              size="small"
              icon={<ShieldCheck size={15} />}
              aria-disabled={work.isAsking}
              onClick={work.verify}
            >
              Verify
            </Button>
            <span className={styles.hint}>Reads every byte again and holds it against its checksum.</span>
          </div>
        )}
      </div>
    </Section>
  )
}
