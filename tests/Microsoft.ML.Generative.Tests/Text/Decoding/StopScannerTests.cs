using CsCheck;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.Tests;

public sealed class StopScannerTests
{
    [Fact]
    public void A_text_is_passed_on_up_to_the_first_stop_string_however_it_is_cut() =>
        Gen.Select(Gen.String[Gen.Char['a', 'c'], 0, 12], Gen.String[Gen.Char['a', 'c'], 1, 3].List[0, 3], Gen.Int[1, 4].List[0, 12])
            .Sample((text, stops, lengths) =>
            {
                int complete = Enumerable.Range(0, text.Length + 1).FirstOrDefault(
                    end => stops.Exists(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)), -1);
                string expected = complete < 0 ? text : text[..(complete
                    - stops.Where(stop => text[..complete].EndsWith(stop, StringComparison.Ordinal)).Max(stop => stop.Length))];

                var scanner = new StopScanner(stops);
                string passed = "";
                int position = 0;
                foreach (int length in lengths.Append(int.MaxValue))
                {
                    int end = (int)Math.Min(text.Length, (long)position + length);
                    passed += scanner.Append(text[position..end]);
                    position = end;
                    // Never more than what is certain, and never part of a stop string.
                    if (!expected.StartsWith(passed, StringComparison.Ordinal))
                        return false;
                }

                return passed + scanner.Flush() == expected && scanner.HasStopped == (complete >= 0);
            }, iter: 5_000);
}
