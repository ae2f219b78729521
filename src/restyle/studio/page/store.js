/** Photos, own artworks, jobs and settings, kept in the browser by IndexedDB.
 *
 * Without IndexedDB (private windows of some browsers) everything is kept in memory: the page works, and a
 * reload forgets. */

const STORES = ["photos", "artworks", "jobs", "values"];
const memory = Object.fromEntries(STORES.map((name) => [name, new Map()]));
let database = null;

export async function openStore() {
  try {
    const opening = indexedDB.open("restyle-studio", 1);
    opening.onupgradeneeded = () => {
      for (const name of STORES) opening.result.createObjectStore(name, { keyPath: "id" });
    };
    database = await settled(opening);
    navigator.storage?.persist?.().catch(() => {});
  } catch {
    database = null;
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

export async function all(store) {
  if (!database) return [...memory[store].values()];
  return settled(database.transaction(store).objectStore(store).getAll());
}

/** Write a record; a full disk keeps it in memory only and gives false. */
export async function put(store, record) {
  memory[store].set(record.id, record);
  if (!database) return false;
  try {
    await settled(database.transaction(store, "readwrite").objectStore(store).put(record));
    return true;
  } catch {
    return false;
  }
}

export async function remove(store, id) {
  memory[store].delete(id);
  if (database) await settled(database.transaction(store, "readwrite").objectStore(store).delete(id));
}

export async function value(id, otherwise) {
  if (!database) return memory.values.get(id)?.value ?? otherwise;
  return (await settled(database.transaction("values").objectStore("values").get(id)))?.value ?? otherwise;
}

export const setValue = (id, given) => put("values", { id, value: given });
