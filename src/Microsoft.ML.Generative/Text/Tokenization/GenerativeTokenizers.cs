namespace Microsoft.ML.Generative;

/// <summary>Makes tokenizers: from texts, or from the files of a model.</summary>
/// <example>
/// <code>
/// GenerativeTokenizer characters = GenerativeTokenizers.CharacterLevel([text]);
/// Console.WriteLine($"{characters.VocabularySize} characters; 'to be' is {string.Join(" ", characters.EncodeToIds("to be"))}");
/// </code>
/// </example>
public static class GenerativeTokenizers
{
    /// <summary>A tokenizer whose tokens are the characters of texts (Unicode code points), in the order of their code points.</summary>
    /// <param name="texts">The texts, read once.</param>
    /// <returns>The tokenizer. Characters that were not in the texts are an error to it.</returns>
    /// <exception cref="ArgumentException">There is no character in the texts.</exception>
    public static GenerativeTokenizer CharacterLevel(IEnumerable<string> texts) => CharacterLevel(texts, new CharacterLevelOptions());

    /// <summary>A tokenizer whose tokens are the characters of texts (Unicode code points), in the order of their code points.</summary>
    /// <param name="texts">The texts, read once.</param>
    /// <param name="options">What to do with unknown characters, and whether texts have an end.</param>
    /// <returns>The tokenizer. The ids of the tokens that the options name follow those of the characters.</returns>
    /// <exception cref="ArgumentException">There is no character in the texts, or a token of the options is empty or a character.</exception>
    public static GenerativeTokenizer CharacterLevel(IEnumerable<string> texts, CharacterLevelOptions options)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(options);
        return CharacterVocabulary.Create(texts, options);
    }

    /// <summary>A tokenizer whose tokens are the characters of a text column.</summary>
    /// <param name="data">The rows, read once.</param>
    /// <param name="columnName">The column, of type text.</param>
    /// <param name="options">What to do with unknown characters, and whether texts have an end. Default: unknown characters are an error, and texts have none.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="ArgumentException">The column is missing or not of type text, has no character, or a token of the options is empty or a character.</exception>
    public static GenerativeTokenizer CharacterLevel(IDataView data, string columnName, CharacterLevelOptions? options = null) =>
        CharacterVocabulary.Create(TextColumn.Read(data, columnName), options ?? new CharacterLevelOptions());

    /// <summary>Reads the tokenizer in a folder of a model, as Hugging Face lays it out.</summary>
    /// <param name="folder">
    /// The folder, with a <c>tokenizer.json</c>. Special tokens and the chat template are read from <c>tokenizer_config.json</c>,
    /// <c>special_tokens_map.json</c>, <c>chat_template.jinja</c>, <c>generation_config.json</c> and <c>config.json</c>, where they are.
    /// </param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder has no tokenizer.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, or asks for what is not supported; the message names it.</exception>
    public static GenerativeTokenizer FromFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return TokenizerFolder.Read(folder);
    }

    /// <summary>Reads a tokenizer from one file.</summary>
    /// <param name="path">A <c>tokenizer.json</c>.</param>
    /// <returns>The tokenizer. Which of its tokens begin and end a text is in other files: <see cref="FromFolder"/> reads them.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not valid, or asks for what is not supported.</exception>
    public static GenerativeTokenizer FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return TokenizerFiles.Create(TokenizerFolder.ReadFile(path, TokenizerFiles.MaxTokenizerBytes), TokenizerConfig.Empty);
    }
}
