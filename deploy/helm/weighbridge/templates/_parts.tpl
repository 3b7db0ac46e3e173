{{/* Labels of an object: {root, component}; without a component it belongs to all of them. */}}
{{- define "weighbridge.labels" -}}
{{- with .component }}
app.kubernetes.io/name: weighbridge
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/part-of: weighbridge
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "weighbridge.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "weighbridge.labels" . | trim | nindent 2 }}
{{- end }}

{{- define "weighbridge.selector" -}}
app.kubernetes.io/name: weighbridge
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* Metadata of a pod: {root, component}. The checksum rolls the pods when a setting changes. */}}
{{- define "weighbridge.podMetadata" -}}
annotations:
  checksum/settings: {{ include "weighbridge.settings" .root | sha256sum }}
labels:
  {{- include "weighbridge.selector" .component | nindent 2 }}
  app.kubernetes.io/part-of: weighbridge
{{- end }}

{{/* What all pods share: {root, grace, walks}. */}}
{{- define "weighbridge.pod" -}}
serviceAccountName: weighbridge
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  {{- if .hasVolume }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "weighbridge.spread" -}}
- maxSkew: 1
  topologyKey: {{ .key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "weighbridge.selector" .component | nindent 6 }}
{{- end }}

{{- define "weighbridge.image" -}}
{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "weighbridge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Settings and secrets of a container: {root, secrets}; a name that ends in ? may be missing. */}}
{{- define "weighbridge.environment" -}}
envFrom:
  - configMapRef: {name: weighbridge-settings}
env:
  {{- range .secrets }}
  - name: {{ trimSuffix "?" . }}
    valueFrom:
      secretKeyRef:
        name: {{ $.root.Values.secretName }}
        key: {{ trimSuffix "?" . }}
        {{- if hasSuffix "?" . }}
        optional: true
        {{- end }}
  {{- end }}
{{- end }}

{{- define "weighbridge.tmp" -}}
emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- end }}

{{- define "weighbridge.alive" -}}
exec: {command: [python, -m, worker_service.alive]}
{{- end }}

{{/* The container of a pool: {root, role, tmp, secrets, port, portName}. */}}
{{- define "weighbridge.pool" -}}
- name: {{ .role }}
  image: {{ include "weighbridge.image" (dict "root" .root "name" .root.Values.image.worker) }}
  args: [{{ .role }}]
  {{- include "weighbridge.environment" . | nindent 2 }}
    {{- if .root.Values.volume.perWorker }}
    - name: WEIGHBRIDGE_VOLUME
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    {{- end }}
    {{- if ne (int .port) 9464 }}
    - {name: WEIGHBRIDGE_METRICS_PORT, value: {{ .port | quote }}}
    {{- end }}
    - {name: WEIGHBRIDGE_HEARTBEAT_FILE, value: /tmp/alive}
  ports:
    - {name: {{ .portName }}, containerPort: {{ .port }}}
  startupProbe:
    {{- include "weighbridge.alive" . | nindent 4 }}
    periodSeconds: 5
    timeoutSeconds: 10
    failureThreshold: 120
  readinessProbe:
    {{- include "weighbridge.alive" . | nindent 4 }}
    periodSeconds: 30
    timeoutSeconds: 10
    failureThreshold: 2
  livenessProbe:
    {{- include "weighbridge.alive" . | nindent 4 }}
    periodSeconds: 30
    timeoutSeconds: 10
    failureThreshold: 4
  resources:
    {{- toYaml (index .root.Values .role).resources | nindent 4 }}
  securityContext:
    {{- include "weighbridge.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: {{ .tmp }}, mountPath: /tmp}
    - {name: models, mountPath: /cache}
{{- end }}

{{/* The settings, with what follows from other values. */}}
{{- define "weighbridge.settings" -}}
{{- $found := dict }}
{{- if .Values.ingress.enabled }}
{{- $_ := set $found "WEIGHBRIDGE_PUBLIC_URL" (printf "https://%s" .Values.ingress.host) }}
{{- end }}
{{- if .Values.monitoring.enabled }}
{{- $_ := set $found "WEIGHBRIDGE_METRICS" "1" }}
{{- $_ := set $found "WEIGHBRIDGE_METRICS_PORT" "9464" }}
{{- end }}
{{- toYaml (merge (deepCopy .Values.settings) $found) }}
{{- end }}
