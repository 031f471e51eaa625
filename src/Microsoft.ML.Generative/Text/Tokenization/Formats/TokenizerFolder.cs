using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Generative;

/// <summary>Finds the tokenizer in a folder of Hugging Face's layout.</summary>
internal static class TokenizerFolder
{
    private const string SpecialTokensName = "special_tokens_map.json";
    private const string ChatTemplateName = "chat_template.jinja";

    // Which of the model's tokens are which, by id; the first file that says so is right.
    private static readonly string[] s_idFiles = ["generation_config.json", "config.json"];

    public static GenerativeTokenizer Read(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder '{folder}'.");

        TokenizerConfig config = ReadConfig(folder);
        string json = Path.Combine(folder, TokenizerFiles.TokenizerName);
        if (!File.Exists(json))
            throw new FileNotFoundException($"The folder '{folder}' has no tokenizer: expected {TokenizerFiles.TokenizerName}.", json);
        GenerativeTokenizer tokenizer = TokenizerFiles.Create(ReadFile(json, TokenizerFiles.MaxTokenizerBytes), config);
        TokenizerConfig completed = WithIds(folder, config, tokenizer);
        return completed == config ? tokenizer : TokenizerFiles.Create(tokenizer.Json.ToArray(), completed);
    }

    /// <summary>Reads a file whose name says what it is.</summary>
    public static GenerativeTokenizer ReadSingle(string path)
    {
        string name = Path.GetFileName(path);
        byte[] Bytes() => ReadFile(path, TokenizerFiles.MaxTokenizerBytes);
        return Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".JSON" => TokenizerFiles.Create(Bytes(), TokenizerConfig.Empty),
            ".BIN" => Llama2cFile.Create(path, Bytes()),
            _ => throw new NotSupportedException($"'{name}' is no name of a tokenizer's file; expected *.json (Hugging Face) or *.bin (llama2.c)."),
        };
    }

    public static byte[] ReadFile(string path, int maxBytes)
    {
        using FileStream stream = File.OpenRead(path);
        if (stream.Length > maxBytes)
            throw new InvalidDataException($"'{path}' has {stream.Length} bytes; at most {maxBytes} are allowed.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static TokenizerConfig ReadConfig(string folder)
    {
        TokenizerConfig config = ReadJson(folder, TokenizerFiles.ConfigName, TokenizerConfig.Read) ?? TokenizerConfig.Empty;
        TokenizerConfig map = ReadJson(folder, SpecialTokensName, TokenizerConfig.Read) ?? TokenizerConfig.Empty;
        string template = Path.Combine(folder, ChatTemplateName);
        return config with
        {
            BosToken = config.BosToken ?? map.BosToken,
            EosToken = config.EosToken ?? map.EosToken,
            UnkToken = config.UnkToken ?? map.UnkToken,
            PadToken = config.PadToken ?? map.PadToken,
            ChatTemplate = File.Exists(template) ? Encoding.UTF8.GetString(ReadFile(template, TokenizerFiles.MaxConfigBytes)) : config.ChatTemplate,
        };
    }

    private static T? ReadJson<T>(string folder, string name, Func<JsonElement, string, T> read)
        where T : class
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
            return null;
        using JsonDocument document = TokenizerFiles.Parse(ReadFile(path, TokenizerFiles.MaxConfigBytes), path, TokenizerFiles.MaxConfigBytes);
        return read(document.RootElement, path);
    }

    private static TokenizerConfig WithIds(string folder, TokenizerConfig config, GenerativeTokenizer tokenizer)
    {
        foreach (string name in s_idFiles)
        {
            SpecialTokenIds ids = ReadJson(folder, name, ReadIds) ?? SpecialTokenIds.None;
            config = config with
            {
                BosToken = config.BosToken ?? TokenOf(ids.Bos),
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
