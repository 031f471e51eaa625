using System.Text;
using System.Text.Json;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Finds the tokenizer in a folder of Hugging Face's layout, or recognizes a file by its name.</summary>
internal static class TokenizerFolder
{
    private const string SpecialTokensName = "special_tokens_map.json";
    private const string AddedTokensName = "added_tokens.json";
    public const string ChatTemplateName = "chat_template.jinja";
    private const string ChatTemplateJsonName = "chat_template.json";
    private const string MoreTemplatesName = "additional_chat_templates";
    private const string TemplateExtension = ".jinja";
    private const string WordPieceName = "vocab.txt";

    private static readonly string[] _sentencePieceNames = ["tokenizer.model", "spiece.model", "sentencepiece.model"];
    private static readonly (string Vocabulary, string Merges)[] _gpt2Names = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    private static readonly string?[] _framedClasses = ["LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"];

    // Ids of the model's special tokens; the first file that has them wins.
    private static readonly string[] _idFiles = ["generation_config.json", "config.json"];

    /// <summary>The files of a folder that tokenizers are read from; a * stands for any characters.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
    [
        TokenizerFiles.TokenizerName, TokenizerFiles.ConfigName, SpecialTokensName, AddedTokensName, ChatTemplateName, ChatTemplateJsonName,
        $"{MoreTemplatesName}/*{TemplateExtension}",
        .. _sentencePieceNames, .. _gpt2Names.SelectMany(names => (string[])[names.Vocabulary, names.Merges]), WordPieceName, "*.tiktoken",
    ];

    public static GenerativeTokenizer Read(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder '{folder}'.");

        TokenizerConfig config = ReadConfig(folder);
        GenerativeTokenizer tokenizer = Find(folder, config);
        TokenizerConfig completed = WithIds(folder, tokenizer);
        return completed == tokenizer.Config ? tokenizer : TokenizerFiles.Create(tokenizer.Json.ToArray(), completed);
    }

    /// <summary>Reads a file, recognized by its name.</summary>
    public static GenerativeTokenizer ReadSingle(string path)
    {
        string name = Path.GetFileName(path);
        byte[] Bytes() => ReadFile(path, TokenizerFiles.MaxTokenizerBytes);
        return Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".JSON" => TokenizerFiles.Create(Bytes(), TokenizerConfig.Empty),
            ".MODEL" => SentencePieceFile.Create(path, Bytes(), new SentencePieceFile.Settings(), TokenizerConfig.Empty),
            ".TXT" => WordPieceFile.Create(path, Bytes(), new WordPieceFile.Settings(), TokenizerConfig.Empty),
            ".TIKTOKEN" => TiktokenFile.Create(path, Bytes(), TiktokenFile.Known(name) ?? throw new NotSupportedException(
                $"'{name}' is not the name of a supported encoding; "
                + $"{nameof(GenerativeTokenizers)}.{nameof(GenerativeTokenizers.FromTiktokenFile)} takes its pattern and special tokens.")),
            ".BIN" => Llama2CTokenizerFile.Create(path, Bytes()),
            _ => throw new NotSupportedException(
                $"'{name}' is not the name of a tokenizer's file; expected *.json (Hugging Face), *.model (SentencePiece), "
                + "*.txt (WordPiece), *.tiktoken or *.bin (llama2.c)."),
        };
    }

    public static byte[] ReadFile(string path, int maxBytes)
    {
        using FileStream stream = RegularFile.OpenRead(path);
        if (stream.Length > maxBytes)
            throw new InvalidDataException($"'{path}' has {stream.Length} bytes; at most {maxBytes} are allowed.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static GenerativeTokenizer Find(string folder, TokenizerConfig config)
    {
        string Full(string name) => Path.Combine(folder, name);
        (string, byte[]) Named(string name) => (Full(name), ReadFile(Full(name), TokenizerFiles.MaxTokenizerBytes));

        FolderSettings settings = ReadJson(folder, TokenizerFiles.ConfigName, FolderSettings.Read) ?? FolderSettings.None;
        if (File.Exists(Full(TokenizerFiles.TokenizerName)))
            return Framed(TokenizerFiles.Create(Named(TokenizerFiles.TokenizerName).Item2, config), settings);

        if (settings.Added.Count == 0 && ReadJson(folder, AddedTokensName, (root, path) => ReadAdded(root, path, config)) is { } added)
            settings = settings with { Added = added };
        if (_sentencePieceNames.FirstOrDefault(name => File.Exists(Full(name))) is { } model)
            return SentencePiece(Named(model), settings, config);
        if (_gpt2Names.FirstOrDefault(names => File.Exists(Full(names.Vocabulary)) && File.Exists(Full(names.Merges)))
            is { Vocabulary: not null } pair)
            return Gpt2(Named(pair.Vocabulary), Named(pair.Merges), settings, config);
        if (File.Exists(Full(WordPieceName)))
            return WordPiece(Named(WordPieceName), settings, config);
        if (settings.TokenizerClass == ByteTokenizerFile.ClassName)
            return ByteTokenizerFile.Create(config);
        throw new FileNotFoundException(
            $"The folder '{folder}' has no tokenizer: expected {TokenizerFiles.TokenizerName}, "
            + $"one of {string.Join(", ", _sentencePieceNames)}, vocab.json with merges.txt, or {WordPieceName}.",
            Full(TokenizerFiles.TokenizerName));
    }

    // The classes of Llama and Gemma put the tokens round a text that their settings say, whatever the tokenizer.json says.
    private static GenerativeTokenizer Framed(GenerativeTokenizer tokenizer, FolderSettings settings)
    {
        if (!_framedClasses.Contains(settings.TokenizerClass))
            return tokenizer;
        int[] before = Wanted(settings.AddBegin, tokenizer.BeginningOfTextId, tokenizer.Before);
        int[] after = Wanted(settings.AddEnd, tokenizer.EndOfTextId, tokenizer.After);
        if (before.SequenceEqual(tokenizer.Before) && after.SequenceEqual(tokenizer.After))
            return tokenizer;
        byte[] json = TokenizerJsonWriter.WithFrame(tokenizer.Json, Tokens(before), Tokens(after));
        return TokenizerFiles.Create(json, tokenizer.Config);

        (string Token, int Id)[] Tokens(int[] ids) => [.. ids.Select(id => (tokenizer.TokenOf(id)!, id))];

        static int[] Wanted(bool? isAdded, int? id, IReadOnlyList<int> now) =>
            isAdded is not { } wanted || (wanted && id is null) ? [.. now] : wanted ? [id!.Value] : [];
    }

    private static GenerativeTokenizer SentencePiece((string Name, byte[] Bytes) file, FolderSettings settings, TokenizerConfig config)
    {
        settings.CheckClass(file.Name, "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "T5Tokenizer", "MT5Tokenizer");
        bool t5 = settings.TokenizerClass is "T5Tokenizer" or "MT5Tokenizer";
        return SentencePieceFile.Create(file.Name, file.Bytes, new SentencePieceFile.Settings
        {
            AddBegin = settings.AddBegin ?? (t5 ? false : null),
            AddEnd = settings.AddEnd ?? t5,
            PrefixFirstOnly = settings.Legacy == false,
            Added = settings.Added,
        }, config);
    }

    private static GenerativeTokenizer Gpt2(
        (string Name, byte[] Bytes) vocabulary, (string Name, byte[] Bytes) merges, FolderSettings settings, TokenizerConfig config)
    {
        settings.CheckClass(vocabulary.Name, "GPT2Tokenizer", "Qwen2Tokenizer");
        bool qwen = settings.TokenizerClass == "Qwen2Tokenizer";
        return Gpt2Files.Create(vocabulary, merges, new Gpt2Files.Settings
        {
            AddPrefixSpace = settings.AddPrefixSpace ?? false,
            Pattern = qwen ? KnownPatterns.Qwen2Text : null,
            Compose = qwen,
        }, settings.Added, config);
    }

    private static GenerativeTokenizer WordPiece((string Name, byte[] Bytes) file, FolderSettings settings, TokenizerConfig config)
    {
        settings.CheckClass(file.Name, "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer");
        return WordPieceFile.Create(file.Name, file.Bytes, new WordPieceFile.Settings
        {
            Lowercase = settings.Lowercase,
            StripAccents = settings.StripAccents,
            SeparateIdeographs = settings.SeparateIdeographs ?? true,
            Added = settings.Added,
        }, config);
    }

    private static TokenizerConfig ReadConfig(string folder)
    {
        TokenizerConfig config = ReadJson(folder, TokenizerFiles.ConfigName, TokenizerConfig.Read) ?? TokenizerConfig.Empty;
        TokenizerConfig map = ReadJson(folder, SpecialTokensName, TokenizerConfig.Read) ?? TokenizerConfig.Empty;
        return config with
        {
            BosToken = config.BosToken ?? map.BosToken,
            EosToken = config.EosToken ?? map.EosToken,
            UnkToken = config.UnkToken ?? map.UnkToken,
            PadToken = config.PadToken ?? map.PadToken,
            AdditionalSpecialTokens = config.AdditionalSpecialTokens.Count > 0
                ? config.AdditionalSpecialTokens
                : map.AdditionalSpecialTokens,
            ChatTemplates = ReadTemplates(folder, config),
        };
    }

    // As transformers: files of their own come before those of the configuration.
    private static IReadOnlyDictionary<string, string> ReadTemplates(string folder, TokenizerConfig config)
    {
        IReadOnlyDictionary<string, string> configured = config.ChatTemplates.Count > 0
            ? config.ChatTemplates
            : ReadJson(folder, ChatTemplateJsonName, TokenizerConfig.Read)?.ChatTemplates ?? config.ChatTemplates;
        var templates = new Dictionary<string, string>(configured, StringComparer.Ordinal);
        string single = Path.Combine(folder, ChatTemplateName), more = Path.Combine(folder, MoreTemplatesName);
        if (File.Exists(single))
            templates[TokenizerConfig.DefaultTemplate] = Template(single);
        foreach (string path in Directory.Exists(more) ? Directory.GetFiles(more, $"*{TemplateExtension}") : [])
            templates[Path.GetFileNameWithoutExtension(path)] = Template(path);
        return templates.Count == configured.Count && !File.Exists(single) ? configured : templates;

        static string Template(string path) => Encoding.UTF8.GetString(ReadFile(path, TokenizerFiles.MaxConfigBytes)).TrimStart('\uFEFF');
    }

    private static T? ReadJson<T>(string folder, string name, Func<JsonElement, string, T> read)
        where T : class
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
            return null;
        using JsonDocument document = TokenizerFiles.Parse(
            ReadFile(path, TokenizerFiles.MaxConfigBytes), path, TokenizerFiles.MaxConfigBytes);
        return read(document.RootElement, path);
    }

    // {"<token>": 32000, …}
    private static List<AddedToken> ReadAdded(JsonElement root, string path, TokenizerConfig config)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"'{path}' holds {root.ValueKind} where an object was expected.");
        string?[] special = [config.BosToken, config.EosToken, config.UnkToken, config.PadToken];
        return [.. root.EnumerateObject().Select(token => (Name: JsonMembers.NameOf(token), Id: JsonMembers.IntOf(token.Value, path)))
            .Select(token => new AddedToken(token.Id, token.Name, IsSpecial: special.Contains(token.Name)))];
    }

    private static TokenizerConfig WithIds(string folder, GenerativeTokenizer tokenizer)
    {
        TokenizerConfig config = tokenizer.Config;
        // Where the tokenizer has a configuration, that decides whether a token begins a text.
        bool knowsBegin = File.Exists(Path.Combine(folder, TokenizerFiles.ConfigName));
        foreach (string name in _idFiles)
        {
            SpecialTokenIds ids = ReadJson(folder, name, ReadIds) ?? SpecialTokenIds.None;
            config = config with
            {
                BosToken = config.BosToken ?? (knowsBegin ? null : TokenOf(ids.Bos)),
                EosToken = config.EosToken ?? TokenOf(ids.Eos),
                PadToken = config.PadToken ?? TokenOf(ids.Pad),
            };
        }

        return config;

        string? TokenOf(int? id) => id is { } value ? tokenizer.TokenOf(value) : null;
    }

    private static SpecialTokenIds ReadIds(JsonElement root, string path)
    {
        var members = new JsonMembers(root, path);
        return new SpecialTokenIds(Bos: Id("bos_token_id"), Eos: Id("eos_token_id"), Pad: Id("pad_token_id"));

        // A number, or a list of which the first is the token that ends a text.
        int? Id(string name) => members.Optional(name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() > 0 ? JsonMembers.IntOf(list[0], $"{path}.{name}") : null,
            var value => JsonMembers.IntOf(value.Value, $"{path}.{name}"),
        };
    }
}
