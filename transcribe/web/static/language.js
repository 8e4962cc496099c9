/**
 * Before anything is shown: which language the page has, and its texts on their way.
 *
 * What the address asks for (`?lang=de`) is kept, as is a choice on the page; otherwise it is the
 * first of the browser's languages that there is. No module, so that it comes before them all.
 */

(() => {
  /** Each has its texts in `texts/`. */
  const LANGUAGES = ["en", "de", "fr"];
  const KEPT = "transcribe-language";
  const page = document.documentElement;
  const asked = new URLSearchParams(location.search).get("lang");
  const known = (tag) => LANGUAGES.find((each) => each === tag?.toLowerCase().split("-")[0]);

  const keep = (language) => {
    try {
      localStorage.setItem(KEPT, language);
    } catch {
      // Where nothing may be kept, it is asked for anew each time.
    }
  };
  const kept = () => {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  };

  if (known(asked)) keep(known(asked));
  page.lang = [asked, kept(), ...navigator.languages].map(known).find(Boolean) ?? "en";
  page.classList.add("untold");
  page.dataset.languages = LANGUAGES.join(" ");
  page.addEventListener("language", ({ detail }) => {
    keep(detail);
    location.reload();
  });
  if (page.lang === "en") return; // its texts come with the modules
  const texts = document.createElement("link");
  texts.rel = "modulepreload";
  texts.href = new URL(`texts/${page.lang}.js`, document.currentScript.src).href;
  document.head.append(texts);
})();
