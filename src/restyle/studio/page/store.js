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

// What changes about a photo, each written by itself: the pictures of a photo are written once.
const PARTS = { settings: null, result: null, job: null, tiles: null };

/** Write a part of a photo: its settings, the finished painting, the job that paints it, or the tiles of its wall. */
export const keepPart = (photo, part) => setValue(`${photo.id}/${part}`, photo[part] ?? null);

/** Write a new photo; gives false if it is kept in memory only. */
export async function keepPhoto(photo) {
  const kept = await put("photos", { ...photo, ...PARTS });
  return (await keepPart(photo, "settings")) && kept;
}

/** The photos, the oldest first. */
export async function loadPhotos() {
  const photos = (await all("photos")).sort((a, b) => a.added - b.added);
  for (const photo of photos) {
    for (const part of Object.keys(PARTS)) photo[part] = await value(`${photo.id}/${part}`, null);
  }
  return photos;
}

export async function forgetPhoto(photo) {
  await remove("photos", photo.id);
  for (const part of Object.keys(PARTS)) await remove("values", `${photo.id}/${part}`);
}
