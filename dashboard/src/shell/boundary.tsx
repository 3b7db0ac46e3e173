/** The last net: a fault of this page says so, instead of leaving it white. */
import { Component, type ReactNode } from 'react'
import { CircleAlert } from 'lucide-react'
import { Button } from '../ui/button'
import { Empty } from '../ui/place'
import { Alone } from './alone'

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    if (!this.state.error) return this.props.children
    return (
      <Alone>
        <Empty
          role="alert"
          icon={<CircleAlert size={22} />}
          title="This page has a fault"
          actions={
            <Button look="primary" onClick={() => location.reload()}>
              Reload the page
            </Button>
          }
        >
          <p>Your models and downloads are not touched by it. If it comes back, report this:</p>
          <code>{this.state.error.message}</code>
        </Empty>
      </Alone>
    )
  }
}
