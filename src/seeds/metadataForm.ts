/** Asks the API server for metadata alone: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
export const metadataForm = (kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1`;
