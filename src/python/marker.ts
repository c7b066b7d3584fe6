/** Variables of PEP 508, and of PEP 751 for lock files (`extras`, `dependency_groups`). */
export type MarkerVariable =
  | 'os_name'
  | 'sys_platform'
  | 'platform_machine'
  | 'platform_python_implementation'
  | 'platform_release'
  | 'platform_system'
  | 'platform_version'
  | 'python_version'
  | 'python_full_version'
  | 'implementation_name'
  | 'implementation_version'
  | 'extra'
  | 'extras'
  | 'dependency_groups';

export type MarkerOperator = '===' | '==' | '!=' | '~=' | '<=' | '>=' | '<' | '>' | 'in' | 'not in';

export type MarkerOperand = { readonly variable: MarkerVariable } | { readonly text: string };

/** A parsed marker: comparisons joined by `and` and `or`. */
export type Marker =
  | { readonly kind: 'compare'; readonly left: MarkerOperand; readonly operator: MarkerOperator; readonly right: MarkerOperand }
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Marker[] };
