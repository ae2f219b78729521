// The constants of the Python modules by the last part of the module's name, such as `C.arbitrary.TILE`: the
// static site's engine.json holds them, so that each number is defined once.

export const C = {};

export function define(values) {
  Object.assign(C, values);
}
