using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Music.Tokens;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Music;

/// <summary>
/// Writes music as words, for language models, and reads it back: <see cref="PianoRoll"/>, <see cref="Voices"/> or <see cref="Events"/>.
/// </summary>
/// <remarks>
/// <para>
/// Each word is a token of <see cref="Tokenizer"/>, which a language model saves; <see cref="Of"/> finds the words' meaning again in it.
/// Music is rounded to steps of a grid; of music on the grid, <see cref="Decode"/> returns what <see cref="Encode"/> was given, up to what
/// the words do not say: channels and voices other than those that <see cref="Voices"/> has, and tempo and meter.
/// </para>
/// <para>
/// A piece that has a key at its beginning is written with a word for it, such as <c>key:Am</c>, so that a model learns to compose in a
/// key; with <see cref="HasRelativePitches"/> it is not.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// MusicTokens tokens = MusicTokens.Events(stepsPerQuarter: 4);
/// string text = tokens.Encode(MidiFile.Read("song.mid"));   // "i0 v80 n60 d4 t4 n62 d4 "
/// MidiFile.Write("again.mid", tokens.Decode(text));
/// </code>
/// </example>
public abstract class MusicTokens
{
    /// <summary>Middle C, which the first pitch of a piece becomes where pitches are relative.</summary>
    internal const int ReferencePitch = 60;

    private const int MostStepsPerQuarter = 96;
    private const string KeyMark = "key:";

    private readonly Lazy<GenerativeTokenizer> _tokenizer;
    private readonly Dictionary<string, MusicKey> _keys;

    private protected MusicTokens(int stepsPerQuarter, bool hasRelativePitches)
    {
        OptionChecks.Between(stepsPerQuarter, 1, MostStepsPerQuarter);
        (StepsPerQuarter, HasRelativePitches) = (stepsPerQuarter, hasRelativePitches);
        _keys = hasRelativePitches ? [] : MusicKey.All.ToDictionary(WordOf);
        _tokenizer = new Lazy<GenerativeTokenizer>(() => MusicVocabulary.Create([.. _keys.Keys, .. Words()], Settings));
    }

    /// <summary>Steps of the grid in a quarter note.</summary>
    public int StepsPerQuarter { get; }

    /// <summary>
    /// Whether pitches are written relative to the first (its highest), which is written as middle C: a piece has the same words in all
    /// keys.
    /// </summary>
    public bool HasRelativePitches { get; }

    /// <summary>The tokenizer whose tokens the words are. It has tokens that begin and end a text, and one that masks others.</summary>
    public GenerativeTokenizer Tokenizer => _tokenizer.Value;

    /// <summary>The words' settings, from which they are made again.</summary>
    internal abstract MusicVocabulary Settings { get; }

    /// <summary>Ticks of a step in decoded pieces.</summary>
    internal long TicksPerStep => TicksPerQuarter / StepsPerQuarter;

    private int TicksPerQuarter => NoteSequence.UsualTicksPerQuarter % StepsPerQuarter == 0
        ? NoteSequence.UsualTicksPerQuarter : StepsPerQuarter * (NoteSequence.UsualTicksPerQuarter / StepsPerQuarter + 1);

    /// <summary>
    /// Steps of a piano roll: the pitches that sound in a step, from the highest down, then <c>|</c>. In <c>72 64 | 72~ 64 | </c>, the
    /// upper note lasts for two steps, and the lower is struck twice. Instruments, velocities and voices are left out.
    /// </summary>
    /// <param name="stepsPerQuarter">Steps in a quarter note, 1 to 96. Default: 4, sixteenth notes.</param>
    /// <param name="marksHeld">
    /// Whether pitches that last from the step before are told from those struck again. Default: true. Without, there is one word for each
    /// pitch, and repeated notes become one.
    /// </param>
    /// <param name="lowest">The lowest pitch, 0 to 127. Default: 21, the piano's.</param>
    /// <param name="highest">The highest pitch, 0 to 127. Default: 108, the piano's.</param>
    /// <param name="hasRelativePitches">
    /// Whether pitches are relative to the first. The range is then that of the relative pitches, with the first at 60. Default: false.
    /// </param>
    /// <returns>The words.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public static MusicTokens PianoRoll(
        int stepsPerQuarter = 4, bool marksHeld = true, int lowest = 21, int highest = 108, bool hasRelativePitches = false) =>
        new RollTokens(stepsPerQuarter, marksHeld, lowest, highest, hasRelativePitches);

    /// <summary>
    /// One word for each of four voices in each step: <c>S67 A62 T59 B43 </c>, and <c>S-</c> where one is silent. What a voice sings over
    /// several steps is one note. The grid has the same place for the same moment whatever is sung, so that a masked language model can
    /// fill in any part: see <see cref="MusicHarmonizer"/>.
    /// </summary>
    /// <param name="stepsPerQuarter">Steps in a quarter note, 1 to 96. Default: 2, eighth notes.</param>
    /// <param name="lowest">The lowest pitch, 0 to 127. Default: 36.</param>
    /// <param name="highest">The highest pitch, 0 to 127. Default: 84.</param>
    /// <returns>The words.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public static MusicTokens Voices(int stepsPerQuarter = 2, int lowest = 36, int highest = 84) =>
        new VoiceTokens(stepsPerQuarter, lowest, highest);

    /// <summary>
    /// Events: <c>i</c> instrument, <c>v</c> velocity (both only where they change), <c>n</c> pitch, <c>d</c> duration in steps, and
    /// <c>t</c> the steps to the next note. Drums are the instrument 128.
    /// </summary>
    /// <param name="stepsPerQuarter">Steps in a quarter note, 1 to 96. Default: 12, which has triplets too.</param>
    /// <param name="velocityLevels">Different velocities, 1 to 127. Default: 32.</param>
    /// <param name="hasRelativePitches">Whether pitches are relative to the first. Default: false.</param>
    /// <returns>The words.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public static MusicTokens Events(int stepsPerQuarter = 12, int velocityLevels = 32, bool hasRelativePitches = false) =>
        new EventTokens(stepsPerQuarter, velocityLevels, hasRelativePitches);

    /// <summary>The words of a tokenizer that a model was trained with.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <returns>The words.</returns>
    /// <exception cref="ArgumentException">The tokenizer is not one of music.</exception>
    public static MusicTokens Of(Microsoft.ML.Tokenizers.Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return MusicVocabulary.Find(tokenizer)?.ToTokens() ?? throw new ArgumentException(
            $"The tokenizer is not one of music; expected the {nameof(Tokenizer)} of a {nameof(MusicTokens)}.", nameof(tokenizer));
    }

    /// <summary>Writes a piece as words, each with a space behind it.</summary>
    /// <param name="piece">The piece.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentException">A pitch is out of the words' range, or a voice is none of them.</exception>
    public string Encode(NoteSequence piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        return string.Concat(WordsOf(piece).Select(word => word + " "));
    }

    /// <summary>Reads words. What makes no sense, as models write it at times, is left out.</summary>
    /// <param name="text">The text.</param>
    /// <param name="reference">
    /// The first pitch, where pitches are relative: the highest of those that sound first. Default: 60, middle C.
    /// </param>
    /// <returns>The piece. Pitches beyond 0 to 127 are moved by octaves.</returns>
    /// <exception cref="ArgumentException">
    /// The text has a word that is none of these tokens, or <paramref name="reference"/> is not 60 although pitches are not relative.
    /// </exception>
    public NoteSequence Decode(string text, int reference = ReferencePitch)
    {
        ArgumentNullException.ThrowIfNull(text);
        OptionChecks.Between(reference, 0, NoteSequence.HighestPitch);
        if (!HasRelativePitches && reference != ReferencePitch)
            throw new ArgumentException($"{nameof(reference)} is {reference}, but the pitches of these tokens are not relative.");
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        MusicKey? key = words.Length > 0 && _keys.TryGetValue(words[0], out MusicKey found) ? found : null;
        IEnumerable<Note> notes = Read(words.Where(word => !_keys.ContainsKey(word)).Select(Known));
        int shift = reference - ReferencePitch;
        return new NoteSequence(
            TicksPerQuarter,
            [.. notes.Select(note => note.IsDrum || shift == 0 ? note : note with { Pitch = Folded(note.Pitch + shift) })],
            keys: key is { } k ? [new KeyChange(0, k)] : []);
    }

    /// <summary>The words of a piece.</summary>
    internal IEnumerable<string> WordsOf(NoteSequence piece)
    {
        IEnumerable<string> words = Write(HasRelativePitches ? piece.Transpose(ReferencePitch - ReferenceOf(piece)) : piece);
        return KeyOf(piece) is { } key && !HasRelativePitches ? words.Prepend(WordOf(key)) : words;
    }

    /// <summary>The words of a piece and of the time to its end, which what follows begins at.</summary>
    internal IEnumerable<string> WordsToContinue(NoteSequence piece)
    {
        List<string> words = [.. WordsOf(piece)];
        int missing = Grid.StepOf(piece, piece.EndTick, StepsPerQuarter) - words.Sum(StepsOf);
        return words.Concat(Silence(missing));
    }

    /// <summary>The pitch that relative pitches of a piece begin at.</summary>
    internal static int ReferenceOf(NoteSequence piece) => piece.Notes.FirstOrDefault(note => !note.IsDrum)?.Pitch ?? ReferencePitch;

    /// <summary>The word of a key.</summary>
    internal static string WordOf(MusicKey key) =>
        KeyMark + key.ToString().Replace(" major", "", StringComparison.Ordinal).Replace(" minor", "m", StringComparison.Ordinal);

    /// <summary>Steps by which a word moves on.</summary>
    internal abstract int StepsOf(string word);

    /// <summary>All words but those of keys.</summary>
    private protected abstract IEnumerable<string> Words();

    private protected abstract IEnumerable<string> Write(NoteSequence piece);

    private protected abstract IEnumerable<Note> Read(IEnumerable<string> words);

    /// <summary>Words of some steps in which nothing begins.</summary>
    private protected abstract IEnumerable<string> Silence(int steps);

    private static MusicKey? KeyOf(NoteSequence piece) => piece.Keys.FirstOrDefault(key => key.Tick == 0)?.Key;

    private static int Folded(int pitch)
    {
        while (pitch < 0)
            pitch += 12;
        while (pitch > NoteSequence.HighestPitch)
            pitch -= 12;
        return pitch;
    }

    private string Known(string word) => Tokenizer.IdOf(word + MusicVocabulary.WordEnd) is not null
        ? word
        : throw new ArgumentException($"The text has the word {Quoted.Text(word)}, which these tokens lack.");
}
