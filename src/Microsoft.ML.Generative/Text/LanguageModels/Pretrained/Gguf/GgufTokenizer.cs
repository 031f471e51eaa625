using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>
/// The tokenizer in the metadata of a GGUF file: byte pairs with scores as SentencePiece has them (<c>llama</c>), or with merges of bytes
/// (<c>gpt2</c>).
/// </summary>
internal static class GgufTokenizer
{
    private const string Prefix = "tokenizer.ggml.";
    private const string Llama = "llama";
    private const string Gpt2 = "gpt2";
    private const string TemplateName = "tokenizer.chat_template";
    private const string TemplateNames = "tokenizer.chat_templates";
    private const char Space = '\u2581';

    private static readonly Dictionary<string, PreTokenization> _known = new(StringComparer.Ordinal)
    {
        ["gpt-2"] = new(KnownPatterns.Gpt2Text),
        ["llama-bpe"] = new(KnownPatterns.Cl100kText, IgnoresMerges: true),
        ["llama3"] = new(KnownPatterns.Cl100kText, IgnoresMerges: true),
        ["llama-v3"] = new(KnownPatterns.Cl100kText, IgnoresMerges: true),
        ["qwen2"] = new(KnownPatterns.Qwen2Text, Composes: true),
        ["deepseek-r1-qwen"] = new(KnownPatterns.Qwen2Text, Composes: true),
        ["smollm"] = new(KnownPatterns.Gpt2Text, SplitsDigits: true),
        ["gpt-4o"] = new(KnownPatterns.O200kText, IgnoresMerges: true),
    };

    // Tokens that llama.cpp's own programs end a text with, too.
    private static readonly string[] _ends = ["eot_token_id", "eom_token_id"];

    /// <summary>The kinds of tokens, <c>llama_token_type</c>.</summary>
    private enum Kind
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    /// <returns>The tokenizer, and tokens that end a text beside its own.</returns>
    /// <exception cref="InvalidDataException">
    /// The metadata are damaged, or ask for what is not supported; the message names it.
    /// </exception>
    public static (GenerativeTokenizer Tokenizer, int[] Ends) Read(GgufMetadata data)
    {
        string model = data.Text(Prefix + "model") ?? throw data.Missing(Prefix + "model");
        string[] tokens = data.Texts(Prefix + "tokens") ?? throw data.Missing(Prefix + "tokens");
        long[] kinds = data.Integers(Prefix + "token_type") ?? [.. Enumerable.Repeat((long)Kind.Normal, tokens.Length)];
        if (kinds.Length != tokens.Length)
            throw data.Bad($"it has {tokens.Length} tokens, and kinds for {kinds.Length}");
        if (Array.FindIndex(kinds, kind => !Enum.IsDefined((Kind)kind)) is >= 0 and var other)
            throw data.Bad($"token {other} is of the kind {kinds[other]}; supported values: 1 to 6");

        var config = new TokenizerConfig
        {
            BosToken = Token("bos_token_id"),
            EosToken = Token("eos_token_id"),
            UnkToken = Token("unknown_token_id"),
            PadToken = Token("padding_token_id"),
            AddBosToken = data.Truth(Prefix + "add_bos_token") ?? (model == Llama ? true : null),
            AddEosToken = data.Truth(Prefix + "add_eos_token"),
            ChatTemplates = Templates(data),
        };
        GenerativeTokenizer tokenizer = model switch
        {
            Llama => ReadPieces(data, tokens, kinds, config),
            Gpt2 => ReadBytePairs(data, tokens, kinds, config),
            _ => throw data.Bad($"'{Prefix}model' is {Quoted.Text(model)}; supported values: {Llama}, {Gpt2}"),
        };
        return (tokenizer, [.. _ends.Select(Id).OfType<int>().Distinct()]);

        string? Token(string key) => Id(key) is { } id ? tokens[id] : null;

        // llama.cpp takes a number beyond the vocabulary for none.
        int? Id(string key) => data.Number(Prefix + key) is { } id && id >= 0 && id < tokens.Length ? (int)id : null;
    }

    /// <summary>Writes a tokenizer.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="size">The tokens that the model knows; there may be more than the tokenizer has.</param>
    /// <param name="ends">Tokens that end a text beside the tokenizer's own.</param>
    /// <exception cref="NotSupportedException">llama.cpp has no tokenizer of this kind.</exception>
    public static void Write(GgufWriter writer, GenerativeTokenizer tokenizer, int size, IReadOnlyList<int> ends)
    {
        using JsonDocument document = JsonDocument.Parse(tokenizer.Json);
        JsonElement root = document.RootElement, model = root.GetProperty("model");
        if (model.TryGetProperty("type", out JsonElement type) && type.GetString() != "BPE")
            throw Unsupported($"its model is {type.GetString()}");
        bool hasBytes = TypesIn(root, "decoder").Contains("ByteLevel");
        if (!hasBytes && !(model.TryGetProperty("byte_fallback", out JsonElement fallback) && fallback.ValueKind == JsonValueKind.True))
            throw Unsupported("its tokens are characters without a form for others");

        (string[] tokens, int[] kinds) = Tokens(tokenizer, root, size, hasBytes);
        List<(string Left, string Right, int Rank)> merges = Merges(model);
        if (hasBytes)
        {
            writer.Add(Prefix + "model", Gpt2);
            writer.Add(Prefix + "pre", NameOf(root, model));
            writer.Add(Prefix + "tokens", tokens);
            writer.Add(Prefix + "token_type", kinds);
            writer.Add(Prefix + "merges", [.. merges.Select(merge => $"{merge.Left} {merge.Right}")]);
        }
        else
        {
            IReadOnlyList<string> normalizers = TypesIn(root, "normalizer");
            if (normalizers.FirstOrDefault(n => n is not ("Sequence" or "Prepend" or "Replace")) is { } normalizer)
                throw Unsupported($"it has the normalizer {normalizer}");
            if (normalizers.Count(n => n == "Replace") > 1)
                throw Unsupported("it removes spaces");
            bool isFirst = TypesIn(root, "pre_tokenizer").Contains("Metaspace");
            writer.Add(Prefix + "model", Llama);
            writer.Add(Prefix + "pre", "default");
            writer.Add(Prefix + "tokens", tokens);
            writer.Add(Prefix + "scores", Scores(tokens, merges));
            writer.Add(Prefix + "token_type", kinds);
            writer.Add(Prefix + "add_space_prefix", isFirst || normalizers.Contains("Prepend"));
        }

        AddId("bos_token_id", tokenizer.BeginningOfTextId);
        AddId("eos_token_id", tokenizer.EndOfTextId);
        AddId("unknown_token_id", tokenizer.UnknownId);
        AddId("padding_token_id", tokenizer.PaddingId);
        AddId(_ends[0], ends.Count > 0 ? ends[0] : null);
        if (!hasBytes || tokenizer.Before.Count > 0 || tokenizer.Config.AddBosToken is not null)
            writer.Add(Prefix + "add_bos_token", tokenizer.Before.Count > 0);
        if (tokenizer.After.Count > 0 || tokenizer.Config.AddEosToken is not null)
            writer.Add(Prefix + "add_eos_token", tokenizer.After.Count > 0);
        foreach ((string name, string template) in tokenizer.ChatTemplates.OrderBy(t => t.Key, StringComparer.Ordinal))
            writer.Add(name == TokenizerConfig.DefaultTemplate ? TemplateName : $"{TemplateName}.{name}", template);
        string[] others =
            [.. tokenizer.ChatTemplates.Keys.Where(name => name != TokenizerConfig.DefaultTemplate).Order(StringComparer.Ordinal)];
        if (others.Length > 0)
            writer.Add(TemplateNames, others);

        void AddId(string key, int? id)
        {
            if (id is { } known)
                writer.Add(Prefix + key, known);
        }
    }

    private static GenerativeTokenizer ReadPieces(GgufMetadata data, string[] tokens, long[] kinds, TokenizerConfig config)
    {
        double[] scores = data.Numbers(Prefix + "scores") ?? throw data.Missing(Prefix + "scores");
        if (scores.Length != tokens.Length || scores.Any(score => !double.IsFinite(score)))
            throw data.Bad($"it has {tokens.Length} tokens, and {scores.Length} scores; expected a finite one for each");
        bool addsSpace = data.Truth(Prefix + "add_space_prefix") ?? true;
        Dictionary<string, int> vocabulary = Vocabulary(data, tokens, kinds);
        var merges = ScoredMerges.Of(tokens.Select((token, id) => (token, (float)scores[id], (Kind)kinds[id] == Kind.Normal)));
        var settings = new BytePairSettings
        {
            UnknownToken = config.UnkToken,
            FuseUnknown = true,
            ByteFallback = kinds.Contains((long)Kind.Byte),
        };
        return Create(data, vocabulary, Added(tokens, kinds), config, new TokenizerParts
        {
            Normalizer = writer => TokenizerJsonParts.WriteSequence(writer, "normalizers", Steps()),
            Model = writer => TokenizerJsonParts.WriteBytePairs(writer, vocabulary, merges, settings),
            Decoder = writer => TokenizerJsonParts.WriteSentencePieceDecoder(writer, Space, addsSpace),
        });

        IEnumerable<Action<Utf8JsonWriter>> Steps()
        {
            if (addsSpace)
            {
                yield return writer =>
                {
                    writer.WriteString("type", "Prepend");
                    writer.WriteString("prepend", Space.ToString());
                };
            }

            yield return writer => TokenizerJsonParts.WriteReplace(writer, "String", " ", Space.ToString());
        }
    }

    private static GenerativeTokenizer ReadBytePairs(GgufMetadata data, string[] tokens, long[] kinds, TokenizerConfig config)
    {
        string name = data.Text(Prefix + "pre") ?? throw data.Missing(Prefix + "pre");
        if (!_known.TryGetValue(name, out PreTokenization? known))
            throw data.Bad($"'{Prefix}pre' is {Quoted.Text(name)}; supported values: {string.Join(", ", _known.Keys)}");
        string[] lines = data.Texts(Prefix + "merges") ?? throw data.Missing(Prefix + "merges");
        List<TokenMerge> merges = [];
        foreach (string line in lines)
        {
            int space = line.IndexOf(' ', Math.Min(1, line.Length));
            if (space < 0 || space == line.Length - 1)
                throw data.Bad($"the merge {merges.Count} is {Quoted.Text(line)}; expected two tokens with a space between");
            merges.Add(new TokenMerge(line[..space], line[(space + 1)..], merges.Count));
        }

        Dictionary<string, int> vocabulary = Vocabulary(data, tokens, kinds);
        return Create(data, vocabulary, Added(tokens, kinds), config, new TokenizerParts
        {
            Normalizer = known.Composes ? writer => writer.WriteString("type", "NFC") : null,
            PreTokenizer = writer => TokenizerJsonParts.WriteSequence(writer, "pretokenizers", known.Steps),
            Model = writer => TokenizerJsonParts.WriteBytePairs(
                writer, vocabulary, merges, new BytePairSettings { IgnoreMerges = known.IgnoresMerges }),
            Decoder = writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: true, usePattern: true),
        });
    }

    private static GenerativeTokenizer Create(
        GgufMetadata data, Dictionary<string, int> vocabulary, List<AddedToken> added, TokenizerConfig config, TokenizerParts parts)
    {
        (string, int)? before = Frame(config.AddBosToken, config.BosToken), after = Frame(config.AddEosToken, config.EosToken);
        try
        {
            return TokenizerFiles.Create(
                TokenizerJsonWriter.Write(parts with
                {
                    AddedTokens = added,
                    PostProcessor = before is null && after is null ? null : writer => TokenizerJsonParts.WriteFrame(writer, before, after),
                }),
                config);
        }
        catch (InvalidDataException e)
        {
            throw data.Bad($"its tokenizer: {Quoted.Message(e)}");
        }

        (string, int)? Frame(bool? isAdded, string? token) => isAdded == true && token is not null
            ? (token, vocabulary.TryGetValue(token, out int id) ? id : throw data.Bad($"{Quoted.Text(token)} is an unused token"))
            : null;
    }

    private static Dictionary<string, int> Vocabulary(GgufMetadata data, string[] tokens, long[] kinds)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < tokens.Length; id++)
        {
            if ((Kind)kinds[id] != Kind.Unused && !vocabulary.TryAdd(tokens[id], id))
                throw data.Bad($"it has the token {Quoted.Text(tokens[id])} twice");
        }

        return vocabulary;
    }

    private static List<AddedToken> Added(string[] tokens, long[] kinds) =>
    [
        .. tokens.Select((token, id) => (Token: token, Id: id, Kind: (Kind)kinds[id]))
            .Where(t => t.Kind is Kind.Control or Kind.Unknown or Kind.UserDefined && t.Token.Length > 0)
            .Select(t => new AddedToken(t.Id, t.Token, IsSpecial: t.Kind != Kind.UserDefined)),
    ];

    private static Dictionary<string, string> Templates(GgufMetadata data)
    {
        var templates = new Dictionary<string, string>(StringComparer.Ordinal);
        if (data.Text(TemplateName) is { } single)
            templates[TokenizerConfig.DefaultTemplate] = single;
        foreach (string name in data.Names.Where(name => name.StartsWith(TemplateName + ".", StringComparison.Ordinal)))
            templates[name[(TemplateName.Length + 1)..]] = data.Text(name)!;
        return templates;
    }

    private static (string[] Tokens, int[] Kinds) Tokens(GenerativeTokenizer tokenizer, JsonElement root, int size, bool hasBytes)
    {
        Dictionary<int, bool> added = [];
        if (root.TryGetProperty("added_tokens", out JsonElement list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement token in list.EnumerateArray())
                added[token.GetProperty("id").GetInt32()] = token.TryGetProperty("special", out JsonElement s) && s.GetBoolean();
        }

        string[] tokens = new string[size];
        int[] kinds = new int[size];
        for (int id = 0; id < size; id++)
        {
            string? token = tokenizer.TokenOf(id);
            Kind kind = token is null ? Kind.Unused
                : id == tokenizer.UnknownId && !hasBytes ? Kind.Unknown
                : added.TryGetValue(id, out bool isSpecial) ? isSpecial ? Kind.Control : Kind.UserDefined
                : !hasBytes && ByteTokens.TryGetByte(token, out _) ? Kind.Byte
                : Kind.Normal;
            // llama2.c's tokens have spaces themselves.
            tokens[id] = token is null ? $"[PAD{id}]" : !hasBytes && kind == Kind.Normal ? token.Replace(' ', Space) : token;
            kinds[id] = (int)kind;
        }

        return (tokens, kinds);
    }

    private static List<(string Left, string Right, int Rank)> Merges(JsonElement model)
    {
        List<(string Left, string Right, int Rank)> merges = [];
        int[]? ranks = model.TryGetProperty(ModelJson.MergeRanks, out JsonElement own)
            ? [.. own.EnumerateArray().Select(r => r.GetInt32())]
            : null;
        foreach (JsonElement merge in model.GetProperty("merges").EnumerateArray())
        {
            string[] parts = merge.ValueKind == JsonValueKind.Array
                ? [merge[0].GetString()!, merge[1].GetString()!]
                : merge.GetString()!.Split(' ');
            merges.Add((parts[0], parts[1], ranks?[merges.Count] ?? merges.Count));
        }

        return merges;
    }

    // The earlier a token is merged, the higher is its score.
    private static float[] Scores(string[] tokens, List<(string Left, string Right, int Rank)> merges)
    {
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((string left, string right, int rank) in merges)
        {
            string merged = (left + right).Replace(' ', Space);
            ranks[merged] = Math.Min(rank, ranks.GetValueOrDefault(merged, int.MaxValue));
        }

        int last = ranks.Values.DefaultIfEmpty(0).Max() + 1;
        return [.. tokens.Select(token => -(float)ranks.GetValueOrDefault(token, last))];
    }

    private static string NameOf(JsonElement root, JsonElement model)
    {
        List<string> patterns = [];
        bool splitsDigits = TypesIn(root, "pre_tokenizer").Contains("Digits");
        Find(root.GetProperty("pre_tokenizer"));
        bool composes = TypesIn(root, "normalizer").Contains("NFC");
        bool ignoresMerges = model.TryGetProperty("ignore_merges", out JsonElement ignores) && ignores.ValueKind == JsonValueKind.True;
        string? name = patterns.Count != 1 ? null : _known.FirstOrDefault(k => k.Value.Pattern == patterns[0]
            && k.Value.SplitsDigits == splitsDigits && k.Value.Composes == composes && k.Value.IgnoresMerges == ignoresMerges).Key;
        return name ?? throw Unsupported("it cuts words by a pattern that llama.cpp does not know");

        void Find(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement item in element.EnumerateArray())
                    Find(item);
            }

            if (element.ValueKind != JsonValueKind.Object)
                return;
            string? type = element.TryGetProperty("type", out JsonElement t) && t.ValueKind == JsonValueKind.String ? t.GetString() : null;
            bool usesPattern = !element.TryGetProperty("use_regex", out JsonElement uses) || uses.ValueKind != JsonValueKind.False;
            if (type == "ByteLevel" && usesPattern)
                patterns.Add(KnownPatterns.Gpt2Text);
            if (type == "Split" && element.GetProperty("pattern").TryGetProperty("Regex", out JsonElement pattern))
                patterns.Add(pattern.GetString()!);
            foreach (JsonProperty member in element.EnumerateObject())
                Find(member.Value);
        }
    }

    // The types of a part and of the parts in it.
    private static List<string> TypesIn(JsonElement root, string part)
    {
        List<string> types = [];
        if (root.TryGetProperty(part, out JsonElement element))
            Find(element);
        return types;

        void Find(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement item in element.EnumerateArray())
                    Find(item);
            }

            if (element.ValueKind != JsonValueKind.Object)
                return;
            if (element.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String)
                types.Add(type.GetString()!);
            foreach (JsonProperty member in element.EnumerateObject())
                Find(member.Value);
        }
    }

    private static NotSupportedException Unsupported(string what) => new(
        $"The tokenizer cannot be written into a GGUF file: {what}. llama.cpp has byte pairs of bytes, as GPT-2's, and of SentencePiece.");

    /// <summary>How text is cut before it is merged.</summary>
    private sealed record PreTokenization(
        string Pattern, bool IgnoresMerges = false, bool Composes = false, bool SplitsDigits = false)
    {
        public IEnumerable<Action<Utf8JsonWriter>> Steps
        {
            get
            {
                if (SplitsDigits)
                {
                    yield return writer =>
                    {
                        writer.WriteString("type", "Digits");
                        writer.WriteBoolean("individual_digits", true);
                    };
                }

                bool isGpt2 = Pattern == KnownPatterns.Gpt2Text;
                if (!isGpt2)
                    yield return writer => TokenizerJsonParts.WriteSplit(writer, Pattern);
                yield return writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: false, usePattern: isGpt2);
            }
        }
    }
}
