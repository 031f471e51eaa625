#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Tokenizers: one token a character, or a byte-pair encoding trained on texts; encoding, decoding, special tokens.

using Microsoft.ML.Generative.Tokenizers;

string[] texts = ["low lower lowest", "new newer newest", "wide wider widest"];

GenerativeTokenizer characters = GenerativeTokenizers.CharacterLevel(texts);
Console.WriteLine($"Character level: {characters.VocabularySize} tokens; 'low' is {string.Join(' ', characters.EncodeToIds("low"))}");

GenerativeTokenizer pairs = GenerativeTokenizers.TrainBytePairEncoding(texts, new BytePairEncodingOptions
{
    VocabularySize = 272,
    MinimumFrequency = 2,
    EndOfTextToken = "<|endoftext|>",
});
IReadOnlyList<int> ids = pairs.EncodeToIds("lowest newest");
Console.WriteLine($"Byte pairs: {pairs.VocabularySize} tokens; 'lowest newest' is {string.Join(' ', ids)}");
Console.WriteLine($"The tokens: {string.Join(' ', ids.Select(id => $"[{pairs.TokenOf(id)}]"))}");
foreach (string text in texts)
    Console.WriteLine($"'{text}': {characters.CountTokens(text)} characters, {pairs.CountTokens(text)} byte pairs");
Console.WriteLine($"Decoded: {pairs.Decode(ids)}");

// Bytes encode any text, also what was not in the training texts.
IReadOnlyList<int> other = pairs.EncodeToIds("naïve");
Console.WriteLine($"'naïve': {other.Count} tokens, decoded {pairs.Decode(other)}");

// A special token in text from untrusted sources must not end a document: EncodeFragment can take it as plain text.
Console.WriteLine($"End of text: id {pairs.EndOfTextId}");
Console.WriteLine($"Recognized: {pairs.EncodeFragment("<|endoftext|>").Count} token");
Console.WriteLine($"As plain text: {pairs.EncodeFragment("<|endoftext|>", recognizeSpecialTokens: false).Count} tokens");

// Expected output:
// Character level: 11 tokens; 'low' is 4 6 10
// Byte pairs: 269 tokens; 'lowest newest' is 259 267 264 267
// The tokens: [lo] [west] [Ġne] [west]
// 'low lower lowest': 16 characters, 6 byte pairs
// 'new newer newest': 16 characters, 6 byte pairs
// 'wide wider widest': 17 characters, 5 byte pairs
// Decoded: lowest newest
// 'naïve': 6 tokens, decoded naïve
// End of text: id 268
// Recognized: 1 token
// As plain text: 13 tokens
