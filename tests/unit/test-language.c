/* What ifeval rests on: languages, sentences, Thai words, emoji. */
#include "../../plugins/ifeval/language.h"
#include "../../plugins/ifeval/sentences.h"
#include "../../plugins/ifeval/words.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

/* Each thread has its own room, begun anew by each test. */
static _Thread_local char room[1 << 17];
static _Thread_local size_t used;

static void *
give(struct evald_call *c, size_t n)
{
    (void)c;
    void *p = room + used;
    used += (n + 15) & ~(size_t)15;
    if (used > sizeof room)
        abort();
    return memset(p, 0, n);
}

static struct evald_host host = { .size = sizeof host, .alloc = give };
static struct evald_call call = { &host };

static const char *
language(const char *s)
{
    return language_detect(evald_s(s));
}

static const char *
lines(const char *s)
{
    return language_of_lines(evald_s(s));
}

static const struct {
    const char *language, *text;
} samples[] = {
    { "af", "Die kinders speel elke middag in die tuin agter ons huis." },
    { "ar", "يشرب جدي القهوة كل صباح قبل أن يقرأ الجريدة." },
    { "bg", "Всяка сутрин дядо ми пие кафе и чете вестник на балкона." },
    { "bn", "আমার দাদা প্রতিদিন সকালে চা খেতে খেতে খবরের কাগজ পড়েন।" },
    { "ca", "Cada matí el meu avi beu cafè i llegeix el diari al balcó." },
    { "cs", "Můj dědeček každé ráno pije kávu a čte si noviny." },
    { "cy", "Mae fy nhaid yn yfed coffi ac yn darllen y papur bob bore." },
    { "da", "Min bedstefar drikker kaffe hver morgen og læser avisen på altanen." },
    { "de", "Mein Großvater trinkt jeden Morgen Kaffee und liest dabei die Zeitung." },
    { "el", "Ο παππούς μου πίνει καφέ κάθε πρωί και διαβάζει εφημερίδα." },
    { "en", "My grandfather drinks coffee every morning and reads the newspaper." },
    { "es", "Mi abuelo toma café todas las mañanas mientras lee el periódico." },
    { "et", "Minu vanaisa joob igal hommikul kohvi ja loeb ajalehte." },
    { "fa", "پدربزرگ من هر روز صبح قهوه می‌نوشد و روزنامه می‌خواند." },
    { "fi", "Isoisäni juo joka aamu kahvia ja lukee sanomalehteä parvekkeella." },
    { "fr", "Mon grand-père boit du café chaque matin en lisant le journal." },
    { "gu", "મારા દાદા દરરોજ સવારે ચા પીતા પીતા છાપું વાંચે છે." },
    { "he", "סבא שלי שותה קפה כל בוקר וקורא עיתון במרפסת." },
    { "hi", "मेरे दादाजी हर सुबह चाय पीते हुए अखबार पढ़ते हैं।" },
    { "hr", "Moj djed svako jutro pije kavu i čita novine na balkonu." },
    { "hu", "A nagyapám minden reggel kávét iszik és újságot olvas." },
    { "id", "Kakek saya minum kopi setiap pagi sambil membaca koran di teras." },
    { "it", "Mio nonno beve il caffè ogni mattina e legge il giornale." },
    { "ja", "祖父は毎朝コーヒーを飲みながら新聞を読んでいます。" },
    { "kn", "ನನ್ನ ಅಜ್ಜ ಪ್ರತಿದಿನ ಬೆಳಿಗ್ಗೆ ಕಾಫಿ ಕುಡಿಯುತ್ತಾ ಪತ್ರಿಕೆ ಓದುತ್ತಾರೆ." },
    { "ko", "할아버지는 매일 아침 커피를 마시면서 신문을 읽으십니다." },
    { "lt", "Mano senelis kiekvieną rytą geria kavą ir skaito laikraštį." },
    { "lv", "Mans vectēvs katru rītu dzer kafiju un lasa avīzi." },
    { "mk", "Мојот дедо секое утро пие кафе и чита весник на балконот." },
    { "ml", "എന്റെ മുത്തച്ഛൻ എല്ലാ ദിവസവും രാവിലെ കാപ്പി കുടിച്ചുകൊണ്ട് പത്രം വായിക്കുന്നു." },
    { "mr", "माझे आजोबा रोज सकाळी चहा पीत वर्तमानपत्र वाचतात." },
    { "ne", "मेरा हजुरबुबा हरेक बिहान चिया पिउँदै पत्रिका पढ्नुहुन्छ।" },
    { "nl", "Mijn grootvader drinkt elke ochtend koffie en leest dan de krant." },
    { "no", "Bestefaren min drikker kaffe hver morgen og leser avisen ute på verandaen." },
    { "pa", "ਮੇਰੇ ਦਾਦਾ ਜੀ ਹਰ ਰੋਜ਼ ਸਵੇਰੇ ਚਾਹ ਪੀਂਦੇ ਹੋਏ ਅਖ਼ਬਾਰ ਪੜ੍ਹਦੇ ਹਨ।" },
    { "pl", "Mój dziadek codziennie rano pije kawę i czyta gazetę." },
    { "pt", "O meu avô bebe café todas as manhãs enquanto lê o jornal." },
    { "ro", "Bunicul meu bea cafea în fiecare dimineață și citește ziarul." },
    { "ru", "Мой дедушка каждое утро пьёт кофе и читает газету на балконе." },
    { "sk", "Môj starý otec pije každé ráno kávu a číta si noviny." },
    { "sl", "Moj dedek vsako jutro pije kavo in bere časopis na balkonu." },
    { "so", "Awoowgay subax kasta wuxuu cabbaa qaxwo isagoo akhrinaya wargeyska." },
    { "sq", "Gjyshi im pi kafe çdo mëngjes dhe lexon gazetën në ballkon." },
    { "sv", "Min morfar dricker kaffe varje morgon och läser tidningen på balkongen." },
    { "sw", "Babu yangu hunywa kahawa kila asubuhi huku akisoma gazeti." },
    { "ta", "என் தாத்தா தினமும் காலையில் காபி குடித்துக்கொண்டே செய்தித்தாள் படிப்பார்." },
    { "te", "మా తాతయ్య ప్రతిరోజూ ఉదయం కాఫీ తాగుతూ వార్తాపత్రిక చదువుతారు." },
    { "th", "คุณปู่ของฉันดื่มกาแฟทุกเช้าพร้อมกับอ่านหนังสือพิมพ์" },
    { "tl", "Umiinom ng kape ang lolo ko tuwing umaga habang nagbabasa ng dyaryo." },
    { "tr", "Dedem her sabah kahve içer ve balkonda gazetesini okur." },
    { "uk", "Мій дідусь щоранку п’є каву і читає газету на балконі." },
    { "ur", "میرے دادا ہر صبح چائے پیتے ہوئے اخبار پڑھتے ہیں۔" },
    { "vi", "Ông nội tôi uống cà phê mỗi buổi sáng và đọc báo ngoài ban công." },
    { "zh-cn", "我爷爷每天早上一边喝咖啡一边看报纸，从来不着急。" },
    { "zh-tw", "我爺爺每天早上一邊喝咖啡一邊看報紙，從來不著急。" },
};
#define N_SAMPLES (sizeof samples / sizeof samples[0])

static void
test_languages(void)
{
    for (size_t i = 0; i < N_SAMPLES; i++)
        is_str(language(samples[i].text), samples[i].language, "a sentence is %s",
               samples[i].language);
}

static void
test_little_to_tell_by(void)
{
    is_str(language_detect((struct evald_str){ NULL, 0 }), NULL, "no text tells nothing");
    is_str(language(""), NULL, "empty text tells nothing");
    is_str(language("12 + 30 = 42; 2024-05-01"), NULL, "numbers tell nothing");
    is_str(language("\xf0\x9f\x98\x80 \xf0\x9f\x8e\x89 !?"), NULL, "emoji tell nothing");
    is_str(language("https://example.com/the/house/of/the/rising/sun"), NULL,
           "an address tells nothing");
    is_str(language("the.house@of.the.rising.sun.example"), NULL,
           "a mail address tells nothing");
    is_str(language("see http:// there and the house that is not"), "en",
           "what only looks like an address is text");
}

static void
test_odd_texts(void)
{
    is_str(language("THE SHOP ON THE CORNER WILL BE CLOSED UNTIL THE END OF THE MONTH."), "en",
           "text in capitals has a language");
    is_str(language("1. **Wir gehen morgen fr\u00fch in die Stadt**\n2. `x = 1;`\n"), "de",
           "markdown around a sentence does not hide it");
    is_str(language("Windows Python \u044f \u043d\u0435 \u0437\u043d\u0430\u044e, "
                    "\u043a\u0430\u043a \u0437\u0430\u043f\u0443\u0441\u0442\u0438\u0442\u044c "
                    "\u044d\u0442\u0443 \u043f\u0440\u043e\u0433\u0440\u0430\u043c\u043c\u0443"),
           "ru", "Latin words do not count in a text of mostly other letters");
    is_str(language("To\u0302i kho\u0302ng bie\u0302\u0301t anh a\u0302\u0301y o\u031b\u0309 "
                    "\u0111a\u0302u ca\u0309"),
           "vi", "Vietnamese with combining marks is read");
    is_str(language("\xf0\x9d\x90\x80\xf0\x9d\x90\x81 der Hund und die Katze schlafen"), "de",
           "letters beyond the basic plane do no harm");
}

static void
test_long_text(void)
{
    size_t n = 0, room_bytes = 200000;
    char *text = malloc(room_bytes);
    while (n + 200 < room_bytes)
        n += (size_t)sprintf(text + n, "%s\n", n < 30000 ? "Der Hund bellt den ganzen Tag."
                                                         : "The dog barks all day long.");
    is_str(language_detect((struct evald_str){ text, n }), "de",
           "the beginning of a long text decides");
    memset(text, 'x', room_bytes);
    ok(language_detect((struct evald_str){ text, room_bytes }) != NULL,
       "a long word has some language");
    memset(text, '.', room_bytes);
    is_int(sentences_english((struct evald_str){ text, room_bytes }), 1,
           "any number of periods is one sentence");
    free(text);
}

static void
test_lines(void)
{
    is_str(lines("The weather is fine today\nLe temps est tr\u00e8s beau\nNous allons partir"),
           "fr", "most lines decide");
    is_str(lines("Le temps est tr\u00e8s beau\nThe weather is fine today"), "fr",
           "of as many lines the first language decides");
    is_str(lines("The weather is fine today\nLe temps est tr\u00e8s beau\n"
                 "Nous allons partir demain\nWe will leave tomorrow then"),
           "en", "the first one found is the first, whichever came to the number first");
    is_str(lines("  der \n die \n\nThe weather is fine"), "en", "short lines do not count");
    is_str(lines("1234\n----\n\n5 + 5"), "en", "without usable lines it is English");
    is_str(lines(""), "en", "no text is English");
    is_str(lines("Wo ist der Bahnhof?\r\nIch suche ihn schon lange.\r\n"), "de",
           "lines may end with CR LF");
}

static void
test_english_sentences(void)
{
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        { "", 0 },
        { " \n ", 0 },
        { "no end", 1 },
        { "One. Two! Three? Four", 4 },
        { "Mrs. Hale met Gen. Ortiz in St. Mary on Oct. 5. They left.", 2 },
        { "The U.S. Army came. We live in the U.S. It is large.", 3 },
        { "The shop opens at 9 a.m. and closes at 6 p.m. on Fri. this week.", 1 },
        { "Bring pens, paper, etc. and wait.", 2 },
        { "See no. 5 and fig. 2 for that.", 3 },
        { "K. L. Moreno wrote it. So did J. Okafor.", 2 },
        { "This is plan B. We like it.", 2 },
        { "It costs 3.50 or 1,000.25 at most. Fine.", 2 },
        { "It was built in 1999. It was sold.", 2 },
        { "It is item 3. of the list.", 1 },
        { "1. Wash it. 2. Dry it.", 4 },
        { "Well... maybe not. Well... The end.", 3 },
        { "\"Is it late?\" he asked. (It was.) Good.", 4 },
        { "He said (I heard it!) that. Done.", 3 },
        { "\u201cGone.\u201d She sighed.", 1 },
        { "One.Two.Three", 1 },
        { "What?! No!!!", 3 },
        { "Read a.txt and b.txt at www.example.com now.", 1 },
        { "A pre-Jan. sale. Ends.", 2 },
        { "- one.\n- two.\n- three", 3 },
        { "First line\n\nSecond line", 1 },
        { "\")\"", 1 },
        { "Caf\u00e9. \u00c9t\u00e9 B. \u00c9t\u00e9.", 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        is_int(sentences_english(evald_s(cases[i].text)), cases[i].n,
               "sentences %zu: how many", i);
}

#define SENTENCE "\u0e1c\u0e21\u0e01\u0e34\u0e19\u0e02\u0e49\u0e32\u0e27" /* I eat rice */
#define POLITE   "\u0e04\u0e23\u0e31\u0e1a"

static void
test_thai(void)
{
    used = 0;
    is_int(words_thai(&call, evald_s(SENTENCE)), 3, "words of a sentence without blanks");
    is_int(words_thai(&call, evald_s(SENTENCE " " SENTENCE)), 7, "blanks are a token");
    is_int(words_thai(&call, evald_s(SENTENCE "  hello 1,000.5!?\n")), 9,
           "what is not Thai is in tokens, too");
    is_int(words_thai(&call, evald_s("\u0e40\u0e14\u0e47\u0e01\u0e46")), 2,
           "the sign that repeats a word is a token");
    is_int(words_thai(&call, evald_s("\u0e02\u0e35\u0e49\u0e40\u0e01\u0e35\u0e22\u0e08")), 1,
           "a word that ICU has in parts is one");
    is_int(words_thai(&call, evald_s("")), 0, "no text has no words");
    is_int(sentences_thai(evald_s(SENTENCE)), 1, "a line is a Thai sentence");
    is_int(sentences_thai(evald_s(SENTENCE "\n\n" SENTENCE)), 2,
           "empty lines are no Thai sentence");
    is_int(sentences_thai(evald_s(SENTENCE POLITE " " SENTENCE " " SENTENCE)), 2,
           "a polite word before a blank ends a Thai sentence, a blank alone does not");
    is_int(sentences_thai(evald_s(SENTENCE "! " SENTENCE "?? x.y")), 3,
           "marks end a Thai sentence");
}

static void
test_emoji(void)
{
    static const struct {
        const char *text, *rest;
        size_t n;
    } cases[] = {
        { "", "", 0 },
        { "plain 12 #5 *", "plain 12 #5 *", 0 },
        { "a\xf0\x9f\x98\x80" "b", "ab", 1 },
        /* two women and a girl, joined */
        { "\xf0\x9f\x91\xa9\u200d\xf0\x9f\x91\xa9\u200d\xf0\x9f\x91\xa7", "", 1 },
        { "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd!", "!", 1 },         /* with a skin colour */
        { "1\ufe0f\u20e3 #\u20e3", " ", 2 },                       /* keycaps */
        { "\u2600 \u2600\ufe0f \u00a9", "  ", 3 },                  /* with and without style */
        { "\u2764\u200d\xf0\x9f\x94\xa5", "", 1 },                 /* a joined one without */
        { "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab\xf0\x9f\x87\xb7", "", 2 }, /* flags */
        { "\xf0\x9f\x87\xa9 x", "\xf0\x9f\x87\xa9 x", 0 },        /* half a flag */
        /* the flag of Wales: tags */
        { "\xf0\x9f\x8f\xb4\xf3\xa0\x81\xa7\xf3\xa0\x81\xa2\xf3\xa0\x81\xb7\xf3\xa0\x81"
          "\xac\xf3\xa0\x81\xb3\xf3\xa0\x81\xbf", "", 1 },
        /* a dog and a cat are not joined in Unicode's list */
        { "\xf0\x9f\x90\xb6\u200d\xf0\x9f\x90\xb1", "\u200d", 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evald_str rest = { NULL, 0 };
        used = 0;
        is_int(emoji_take(&call, evald_s(cases[i].text), &rest), cases[i].n,
               "emoji %zu: how many", i);
        ok(rest.len == strlen(cases[i].rest) && memcmp(rest.ptr, cases[i].rest, rest.len) == 0,
           "emoji %zu: what is left", i);
    }
}

static void *
work(void *arg)
{
    (void)arg;
    for (int round = 0; round < 20; round++) {
        used = 0;
        for (size_t i = 0; i < N_SAMPLES; i++) {
            const char *got = language(samples[i].text);
            if (got == NULL || strcmp(got, samples[i].language) != 0)
                return "a language";
        }
        if (words_thai(&call, evald_s(SENTENCE " " SENTENCE)) != 7)
            return "words";
    }
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[4];
    void *wrong = NULL;
    for (size_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (size_t i = 0; i < 4; i++) {
        void *one;
        pthread_join(threads[i], &one);
        wrong = one != NULL ? one : wrong;
    }
    is_str(wrong, NULL, "threads at once find the same");
}

int
main(void)
{
    test_languages();
    test_little_to_tell_by();
    test_odd_texts();
    test_long_text();
    test_lines();
    test_english_sentences();
    test_thai();
    test_emoji();
    test_threads();
    return tap_done();
}
