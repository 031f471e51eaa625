using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>A tokenizer as files, for a model's file or folder, and back. The files are Hugging Face's.</summary>
internal static class TokenizerFiles
{
    public const string TokenizerName = "tokenizer.json";
    public const string ConfigName = "tokenizer_config.json";

    /// <summary>The largest in use have 35 MB.</summary>
    public const int MaxTokenizerBytes = 1 << 28;

    public const int MaxConfigBytes = 1 << 24;

    private const int MaxDepth = 32;

    /// <summary>The names of the files in a model file.</summary>
    public static IReadOnlyList<string> Names { get; } = [TokenizerName, ConfigName];

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="chatTemplate">A chat template in place of the tokenizer's own; <see langword="null"/>: its own.</param>
    /// <exception cref="NotSupportedException">The type of the tokenizer is not supported.</exception>
    public static IReadOnlyDictionary<string, byte[]> Save(Tokenizer tokenizer, string? chatTemplate = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokenizer is not GenerativeTokenizer own)
        {
            throw new NotSupportedException(
                $"A tokenizer of the type {tokenizer.GetType().FullName} cannot be saved; those that {nameof(GenerativeTokenizers)} makes "
                + $"can be. {nameof(GenerativeTokenizers)}.{nameof(GenerativeTokenizers.FromFolder)} and "
                + $"{nameof(GenerativeTokenizers.FromFile)} read the usual files.");
        }

        return new SortedDictionary<string, byte[]>(StringComparer.Ordinal)
        {
            [TokenizerName] = own.Json.ToArray(),
            [ConfigName] = (chatTemplate is null ? own.Config : own.Config.WithTemplate(chatTemplate)).Write(),
        };
    }

    /// <summary>The files as entries of a model's file; for <see cref="ModelFile.Save{TConfig}"/>.</summary>
    /// <exception cref="NotSupportedException">The type of the tokenizer is not supported.</exception>
    public static IReadOnlyDictionary<string, Action<Stream>> Entries(Tokenizer tokenizer) =>
        Save(tokenizer).ToDictionary(file => file.Key, file => (Action<Stream>)(stream => stream.Write(file.Value)));

    /// <summary>Reads one of the files from an entry, up to its allowed length.</summary>
    /// <exception cref="InvalidDataException">It is longer.</exception>
    public static byte[] ReadEntry(Stream stream, string name)
    {
        int maxBytes = name == TokenizerName ? MaxTokenizerBytes : MaxConfigBytes;
        var bytes = new MemoryStream();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            while (stream.Read(buffer) is > 0 and int count)
            {
                if (bytes.Length + count > maxBytes)
                    throw new InvalidDataException($"'{name}' is longer than the {maxBytes} bytes that are allowed.");
                bytes.Write(buffer, 0, count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return bytes.ToArray();
    }

    /// <exception cref="InvalidDataException">
    /// A file is missing, too large or not valid, or needs something that is not supported.
    /// </exception>
    public static GenerativeTokenizer Load(IReadOnlyDictionary<string, byte[]> files)
    {
        byte[] json = files.GetValueOrDefault(TokenizerName)
            ?? throw new InvalidDataException($"The tokenizer's file '{TokenizerName}' is missing.");
        var config = TokenizerConfig.Empty;
        if (files.TryGetValue(ConfigName, out byte[]? bytes))
        {
            using JsonDocument document = Parse(bytes, ConfigName, MaxConfigBytes);
            config = TokenizerConfig.Read(document.RootElement, ConfigName);
        }

        return Create(json, config);
    }

    /// <summary>Reads the tokenizer of a model.</summary>
    /// <param name="file">The model's file.</param>
    /// <param name="vocabularySize">The tokens that its network has.</param>
    /// <exception cref="InvalidDataException">
    /// A file is missing, too large or not valid, needs something that is not supported, or has more tokens than the network.
    /// </exception>
    public static GenerativeTokenizer Load<TDefinition>(LoadedModel<TDefinition> file, int vocabularySize)
        where TDefinition : IModelDefinition<TDefinition>
    {
        GenerativeTokenizer tokenizer = Load(Names.ToDictionary(name => name, name => file.ReadFile(name, MaxTokenizerBytes)));
        return tokenizer.VocabularySize <= vocabularySize ? tokenizer : throw new InvalidDataException(
            $"The tokenizer has {tokenizer.VocabularySize} tokens; the network of '{ModelEntries.Config}' knows {vocabularySize}.");
    }

    /// <summary>Makes a tokenizer of a tokenizer.json.</summary>
    /// <exception cref="InvalidDataException">It is too large or not valid, or needs something that is not supported.</exception>
    public static GenerativeTokenizer Create(byte[] json, TokenizerConfig config)
    {
        using JsonDocument document = Parse(json, TokenizerName, MaxTokenizerBytes);
        return new GenerativeTokenizer(TokenizerJson.Read(document.RootElement), config, json);
    }

    /// <summary>
    /// SHA-256, in hexadecimal, of the files: the same for tokenizers that do the same. Null for types that are not supported.
    /// </summary>
    public static string? Fingerprint(Tokenizer tokenizer)
    {
        if (tokenizer is not GenerativeTokenizer)
            return null;

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, bytes) in Save(tokenizer))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{bytes.Length}\0"));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <exception cref="InvalidDataException">It is too large or not valid JSON.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json, string name, int maxBytes)
    {
        if (json.Length > maxBytes)
            throw new InvalidDataException($"'{name}' has {json.Length} bytes; at most {maxBytes} are allowed.");
        ReadOnlyMemory<byte> text = json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json;
        if (!Utf8.IsValid(text.Span))
            throw new InvalidDataException($"'{name}' is not UTF-8.");
        try
        {
            return JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MaxDepth });
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{name}' is not valid JSON: {Quoted.Message(e)}", e);
        }
    }
}
