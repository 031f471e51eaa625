using System.Text;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>BERT's vocab.txt: a token on each line, whose number is the id.</summary>
internal static class WordPieceFile
{
    private const string Unknown = "[UNK]";
    private const string Begin = "[CLS]";
    private const string End = "[SEP]";
    private const string Padding = "[PAD]";
    private const string Mask = "[MASK]";
    public const string Continuation = "##";
    private const int LongestWord = 100;

    /// <summary>The special tokens of a new vocabulary, in the order of their ids.</summary>
    public static IReadOnlyList<string> SpecialTokens { get; } = [Padding, Unknown, Begin, End, Mask];

    /// <summary>The settings in a folder's other files.</summary>
    public sealed record Settings
    {
        /// <summary>Whether texts become lower case, without accents; null: unless the vocabulary has upper case.</summary>
        public bool? Lowercase { get; init; }

        /// <summary>Whether accents are taken away; null: with lower case.</summary>
        public bool? StripAccents { get; init; }

        public bool SeparateIdeographs { get; init; } = true;

        public IReadOnlyList<AddedToken> Added { get; init; } = [];
    }

    /// <exception cref="InvalidDataException">The file is not valid.</exception>
    public static GenerativeTokenizer Create(string name, byte[] file, Settings settings, TokenizerConfig config)
    {
        Dictionary<string, int> tokens = Read(name, file);
        AddedToken? Special(string token) => tokens.TryGetValue(token, out int id) ? new AddedToken(id, token, IsSpecial: true) : null;
        string? Known(string token) => tokens.ContainsKey(token) ? token : null;

        string unknown = config.UnkToken ?? Unknown;
        if (!tokens.ContainsKey(unknown))
            throw new InvalidDataException($"'{name}' lacks the token {Quoted.Text(unknown)} for unknown words.");
        bool lowercase = settings.Lowercase ?? !tokens.Keys.Any(token => !token.StartsWith('[') && token.Any(char.IsAsciiLetterUpper));
        (string, int)? before = tokens.TryGetValue(Begin, out int begin) ? (Begin, begin) : null;
        (string, int)? after = tokens.TryGetValue(End, out int end) ? (End, end) : null;
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = settings.Added.Count > 0
                ? settings.Added
                : [.. SpecialTokens.Select(Special).OfType<AddedToken>()],
            Normalizer = writer =>
            {
                writer.WriteString("type", "BertNormalizer");
                writer.WriteBoolean("clean_text", true);
                writer.WriteBoolean("handle_chinese_chars", settings.SeparateIdeographs);
                writer.WriteBoolean("strip_accents", settings.StripAccents ?? lowercase);
                writer.WriteBoolean("lowercase", lowercase);
            },
            PreTokenizer = writer => writer.WriteString("type", "BertPreTokenizer"),
            Model = writer =>
            {
                writer.WriteString("type", "WordPiece");
                writer.WriteString("unk_token", unknown);
                writer.WriteString("continuing_subword_prefix", Continuation);
                writer.WriteNumber("max_input_chars_per_word", LongestWord);
                TokenizerJsonParts.WriteVocabulary(writer, tokens);
            },
            PostProcessor = before is null && after is null ? null : writer => TokenizerJsonParts.WriteFrame(writer, before, after),
            Decoder = writer =>
            {
                writer.WriteString("type", "WordPiece");
                writer.WriteString("prefix", Continuation);
                writer.WriteBoolean("cleanup", true);
            },
        });
        return TokenizerFiles.Create(json, config with
        {
            UnkToken = unknown,
            BosToken = config.BosToken ?? Known(Begin),
            EosToken = config.EosToken ?? Known(End),
            PadToken = config.PadToken ?? Known(Padding),
            MaskToken = config.MaskToken ?? Known(Mask),
        });
    }

    private static Dictionary<string, int> Read(string name, byte[] file)
    {
        if (!Utf8.IsValid(file))
            throw new InvalidDataException($"'{name}' is not UTF-8.");
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        // Only line feeds end a line: the vocabulary has tokens that other characters of Unicode's line ends are.
        string text = Encoding.UTF8.GetString(file);
        foreach (string line in text.Split('\n'))
        {
            string token = line.TrimEnd('\r');
            if (tokens.Count == text.AsSpan().Count('\n') && token.Length == 0)
                break;
            if (!tokens.TryAdd(token, tokens.Count))
                throw new InvalidDataException($"'{name}' has the token {Quoted.Text(token)} twice.");
        }

        return tokens;
    }
}
