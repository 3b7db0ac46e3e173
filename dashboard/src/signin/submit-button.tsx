import { Button } from '../ui/button'

/** Busy it keeps the focus, and does nothing. */
export function SubmitButton({ isBusy }: { isBusy: boolean }) {
  return (
    <Button type="submit" look="primary" aria-disabled={isBusy}>
      {isBusy ? 'Signing in…' : 'Sign in'}
    </Button>
  )
}
