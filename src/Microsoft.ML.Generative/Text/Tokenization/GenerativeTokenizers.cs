using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Text.Tokenization.Training;

namespace Microsoft.ML.Generative.Tokenizers;

/// <summary>Makes tokenizers: from texts, or from the files of a model.</summary>
/// <example>
/// <code>
/// GenerativeTokenizer characters = GenerativeTokenizers.CharacterLevel([File.ReadAllText("book.txt")]);
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
    /// <exception cref="ArgumentException">
    /// There is no character in the texts, or a token of the options is empty or a character.
    /// </exception>
    public static GenerativeTokenizer CharacterLevel(IEnumerable<string> texts, CharacterLevelOptions options)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(options);
        return CharacterVocabulary.Create(texts, options);
    }

    /// <summary>A tokenizer whose tokens are the characters of a text column.</summary>
    /// <param name="data">The rows, read once.</param>
    /// <param name="columnName">The column, of type text.</param>
    /// <param name="options">
    /// What to do with unknown characters, and whether texts have an end. Default: unknown characters are an error, and texts have none.
    /// </param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing or not of type text, has no character, or a token of the options is empty or a character.
    /// </exception>
    public static GenerativeTokenizer CharacterLevel(IDataView data, string columnName, CharacterLevelOptions? options = null) =>
        CharacterVocabulary.Create(TextColumn.Read(data, columnName), options ?? new CharacterLevelOptions());

    /// <summary>Makes a byte-level byte pair encoding, as GPT-2's is, of texts.</summary>
    /// <param name="texts">The texts, read once.</param>
    /// <param name="vocabularySize">The number of tokens, at least 257: 256 bytes, merged ones, and the end of a text.</param>
    /// <returns>The tokenizer. It encodes any text, and the same texts give the same tokenizer.</returns>
    /// <exception cref="ArgumentException">There is no character in the texts, or the size is out of range.</exception>
    /// <example>
    /// <code>
    /// GenerativeTokenizer tokenizer = GenerativeTokenizers.TrainBytePairEncoding(File.ReadLines("book.txt"), vocabularySize: 4096);
    /// </code>
    /// </example>
    public static GenerativeTokenizer TrainBytePairEncoding(IEnumerable<string> texts, int vocabularySize) =>
        TrainBytePairEncoding(texts, new BytePairEncodingOptions { VocabularySize = vocabularySize });

    /// <summary>Makes a byte-level byte pair encoding, as GPT-2's is, of texts.</summary>
    /// <param name="texts">The texts, read once.</param>
    /// <param name="options">Size, least frequency and the token that ends a text.</param>
    /// <returns>The tokenizer. It encodes any text, and the same texts give the same tokenizer.</returns>
    /// <exception cref="ArgumentException">There is no character in the texts, or an option is out of range.</exception>
    public static GenerativeTokenizer TrainBytePairEncoding(IEnumerable<string> texts, BytePairEncodingOptions options)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(options);
        return BytePairTrainer.Train(texts, options.Copy());
    }

    /// <summary>Makes a byte-level byte pair encoding, as GPT-2's is, of a text column.</summary>
    /// <param name="data">The rows, read once, one at a time.</param>
    /// <param name="columnName">The column, of type text.</param>
    /// <param name="options">Size, least frequency and the token that ends a text. Default: 4,096 tokens.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing, not of type text or without a character, or an option is out of range.
    /// </exception>
    public static GenerativeTokenizer TrainBytePairEncoding(IDataView data, string columnName, BytePairEncodingOptions? options = null) =>
        BytePairTrainer.Train(TextColumn.Read(data, columnName), options?.Copy() ?? new BytePairEncodingOptions());

    /// <summary>Makes a WordPiece tokenizer, as BERT's is, of texts.</summary>
    /// <param name="texts">The texts, read once.</param>
    /// <param name="vocabularySize">The number of tokens, at least 6: five special ones, characters, and merged ones.</param>
    /// <returns>
    /// The tokenizer, of lower case, with the special tokens [PAD], [UNK], [CLS], [SEP] and [MASK]. The same texts give the same one.
    /// </returns>
    /// <exception cref="ArgumentException">There is no word in the texts, or the size is out of range.</exception>
    /// <example>
    /// <code>
    /// GenerativeTokenizer tokenizer = GenerativeTokenizers.TrainWordPiece(File.ReadLines("book.txt"), vocabularySize: 8000);
    /// </code>
    /// </example>
    public static GenerativeTokenizer TrainWordPiece(IEnumerable<string> texts, int vocabularySize) =>
        TrainWordPiece(texts, new WordPieceOptions { VocabularySize = vocabularySize });

    /// <summary>Makes a WordPiece tokenizer, as BERT's is, of texts.</summary>
    /// <param name="texts">The texts, read once.</param>
    /// <param name="options">Size, least frequency and case.</param>
    /// <returns>The tokenizer, with the special tokens [PAD], [UNK], [CLS], [SEP] and [MASK]. The same texts give the same one.</returns>
    /// <exception cref="ArgumentException">There is no word in the texts, or an option is out of range.</exception>
    public static GenerativeTokenizer TrainWordPiece(IEnumerable<string> texts, WordPieceOptions options)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(options);
        return WordPieceTrainer.Train(texts, options.Copy());
    }

    /// <summary>Makes a WordPiece tokenizer, as BERT's is, of a text column.</summary>
    /// <param name="data">The rows, read once, one at a time.</param>
    /// <param name="columnName">The column, of type text.</param>
    /// <param name="options">Size, least frequency and case. Default: 4,096 tokens of lower case.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing, not of type text or without a word, or an option is out of range.
    /// </exception>
    public static GenerativeTokenizer TrainWordPiece(IDataView data, string columnName, WordPieceOptions? options = null) =>
        WordPieceTrainer.Train(TextColumn.Read(data, columnName), options?.Copy() ?? new WordPieceOptions());

    /// <summary>Reads GPT-2's two files, or those of a model that kept its scheme.</summary>
    /// <param name="vocabularyPath">The tokens and their ids, as a JSON object: <c>vocab.json</c> or <c>encoder.json</c>.</param>
    /// <param name="mergesPath">The merges, one a line: <c>merges.txt</c> or <c>vocab.bpe</c>.</param>
    /// <returns>The tokenizer. "&lt;|endoftext|&gt;", if the vocabulary has it, is the special token that begins and ends a text.</returns>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="InvalidDataException">A file is not valid.</exception>
    public static GenerativeTokenizer FromGpt2Files(string vocabularyPath, string mergesPath)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(vocabularyPath);
        ArgumentException.ThrowIfNullOrWhiteSpace(mergesPath);
        return Gpt2Files.Create(
            (vocabularyPath, TokenizerFolder.ReadFile(vocabularyPath, TokenizerFiles.MaxTokenizerBytes)),
            (mergesPath, TokenizerFolder.ReadFile(mergesPath, TokenizerFiles.MaxTokenizerBytes)),
            new Gpt2Files.Settings(), [], TokenizerConfig.Empty);
    }

    /// <summary>Reads the tokenizer in a folder of a model, as Hugging Face lays it out.</summary>
    /// <param name="folder">
    /// The folder, with a <c>tokenizer.json</c>; else a SentencePiece model (<c>tokenizer.model</c> or <c>spiece.model</c>), GPT-2's or
    /// Qwen2's <c>vocab.json</c> and <c>merges.txt</c>, or BERT's <c>vocab.txt</c>; ByT5 needs none. Special tokens and the chat template
    /// are read from
    /// <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c>, <c>chat_template.jinja</c>, <c>generation_config.json</c> and
    /// <c>config.json</c>, where they are.
    /// </param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="FileNotFoundException">The folder has no tokenizer.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is not valid, or needs something that is not supported; the message names it.
    /// </exception>
    public static GenerativeTokenizer FromFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return TokenizerFolder.Read(folder);
    }

    /// <summary>Reads a tokenizer from one file.</summary>
    /// <param name="path">
    /// A <c>.json</c> of Hugging Face (tokenizer.json), a <c>.model</c> of SentencePiece, a <c>.txt</c> of WordPiece (vocab.txt), a
    /// <c>.bin</c> of llama2.c, or the <c>.tiktoken</c> of an encoding of OpenAI's, under its name (such as cl100k_base.tiktoken).
    /// </param>
    /// <returns>
    /// The tokenizer. The tokens that begin and end a text are not in a <c>tokenizer.json</c>: <see cref="FromFolder"/> reads the files
    /// that have them. A tokenizer of SentencePiece or llama2.c puts the token that begins a text before it, if it has one; a tokenizer
    /// of WordPiece puts [CLS] before and [SEP] behind it, and makes lower case of it unless its vocabulary has upper case.
    /// </returns>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="InvalidDataException">The file is not valid, or needs something that is not supported.</exception>
    /// <exception cref="NotSupportedException">The file's name is none of these.</exception>
    public static GenerativeTokenizer FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return TokenizerFolder.ReadSingle(path);
    }

    /// <summary>Reads a tiktoken file, of an encoding whose name <see cref="FromFile"/> does not support.</summary>
    /// <param name="path">The file: on each line a token in Base64 and its id.</param>
    /// <param name="options">Where the encoding cuts words, and its special tokens.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="ArgumentException">An option contradicts another.</exception>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="InvalidDataException">The file is not valid, or the pattern is not supported.</exception>
    public static GenerativeTokenizer FromTiktokenFile(string path, TiktokenOptions options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(options);
        return TiktokenFile.Create(path, TokenizerFolder.ReadFile(path, TokenizerFiles.MaxTokenizerBytes), options);
    }
}
