/** Buttons and links that look like them. */
import { type ComponentProps, type ReactNode } from 'react'
import { Link } from 'wouter'
import styles from './button.module.css'
import { Tip } from './tooltip'

type Look = 'default' | 'primary' | 'ghost' | 'danger'

type ButtonProps = ComponentProps<'button'> & { look?: Look; size?: 'small' | 'normal'; icon?: ReactNode }

/** A button with words; `icon` stands before them. */
export function Button({
  look = 'default',
  size = 'normal',
  icon,
  className,
  children,
  ...rest
}: ButtonProps) {
  return (
    <button type="button" className={names(look, size, className)} {...rest}>
      {icon}
      {children}
    </button>
  )
}

/** A link within the dashboard that looks like a button. */
export function ButtonLink({
  href,
  look = 'default',
  size = 'normal',
  icon,
  label,
  children,
}: {
  href: string
  /** Its name, where the words alone are not enough; it begins with them. */
  label?: string
  look?: Look
  size?: 'small' | 'normal'
  icon?: ReactNode
  children: ReactNode
}) {
  return (
    <Link href={href} className={names(look, size)} aria-label={label}>
      {icon}
      {children}
    </Link>
  )
}

/** A link that leads out of the dashboard and looks like a button. */
export function AwayLink({ href, icon, children }: { href: string; icon?: ReactNode; children: ReactNode }) {
  return (
    <a href={href} className={names('default', 'normal')}>
      {icon}
      {children}
    </a>
  )
}

type IconButtonProps = Omit<ComponentProps<'button'>, 'aria-label'> & {
  /** What it does, as its name and its tooltip. */
  label: string
  /** A shorter tooltip, where the label names the model too. */
  tip?: string
}

/** A button of one icon. */
export function IconButton({ label, tip = label, className, children, ...rest }: IconButtonProps) {
  return (
    <Tip
      text={tip}
      render={<button type="button" aria-label={label} {...rest} />}
      className={`${styles.icon} ${className ?? ''}`}
    >
      {children}
    </Tip>
  )
}

function names(look: Look, size: 'small' | 'normal', more?: string): string {
  return [styles.button, styles[look], size === 'small' && styles.small, more].filter(Boolean).join(' ')
}
