using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// The settings of a tokenizer_config.json for tokenizers that are not read from a tokenizer.json: its class, its settings, and tokens
/// beside the vocabulary.
/// </summary>
internal sealed record FolderSettings
{
    public static FolderSettings None { get; } = new();

    /// <summary>The class, without the "Fast" of its second implementation; null if none is named.</summary>
    public string? TokenizerClass { get; init; }

    public IReadOnlyList<AddedToken> Added { get; init; } = [];

    public bool? AddBegin { get; init; }

    public bool? AddEnd { get; init; }

    public bool? AddPrefixSpace { get; init; }

    public bool? Legacy { get; init; }

    public bool? Lowercase { get; init; }

    public bool? StripAccents { get; init; }

    public bool? SeparateIdeographs { get; init; }

    /// <exception cref="InvalidDataException">A member is of another type.</exception>
    public static FolderSettings Read(JsonElement root, string path)
    {
        var members = new JsonMembers(root, path);
        string? name = members.OptionalString("tokenizer_class");
        return new FolderSettings
        {
            TokenizerClass = name is not null && name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^4] : name,
            Added = members.Optional("added_tokens_decoder") is { } tokens ? ReadAdded(tokens, $"{path}.added_tokens_decoder") : [],
            AddBegin = members.OptionalBool("add_bos_token"),
            AddEnd = members.OptionalBool("add_eos_token"),
            AddPrefixSpace = members.OptionalBool("add_prefix_space"),
            Legacy = members.OptionalBool("legacy"),
            Lowercase = members.OptionalBool("do_lower_case"),
            StripAccents = members.OptionalBool("strip_accents"),
            SeparateIdeographs = members.OptionalBool("tokenize_chinese_chars"),
        };
    }

    /// <exception cref="InvalidDataException">The class is none of those that are supported.</exception>
    public void CheckClass(string file, params ReadOnlySpan<string> supported)
    {
        if (TokenizerClass is not null && !supported.Contains(TokenizerClass))
        {
            throw new InvalidDataException(
                $"The folder's tokenizer has the class {TokenizerClass}, which is not supported with '{file}'; supported values: "
                + $"{string.Join(", ", supported!)}. "
                + $"With a {TokenizerFiles.TokenizerName} in the folder, the class does not matter.");
        }
    }

    // {"50256": {"content": "<|endoftext|>", …}, …}
    private static List<AddedToken> ReadAdded(JsonElement tokens, string path)
    {
        if (tokens.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{path} is {tokens.ValueKind} where an object was expected.");
        List<AddedToken> added = [];
        foreach (JsonProperty token in tokens.EnumerateObject())
        {
            string name = JsonMembers.NameOf(token);
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                throw new InvalidDataException($"{path} has {Quoted.Text(name)} where an id was expected.");
            added.Add(TokenizerJson.ReadAddedToken(new JsonMembers(token.Value, $"{path}[{id}]"), id));
        }

        return added;
    }
}
