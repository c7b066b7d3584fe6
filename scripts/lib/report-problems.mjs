// A jest reporter: of a test that failed with a Failed, what a user would have been shown besides its message (advice, ends of logs).
export default class ReportProblems {
  onTestResult(_test, { testResults }) {
    const said = new Set();
    for (const { fullName, failureDetails } of testResults) {
      for (const problem of failureDetails.flatMap(problemsOf)) {
        const text = [problem.message, problem.advice, ...(problem.detail ?? [])].filter((line) => line !== undefined).join('\n      ');
        // One failed beforeAll fails every test of its file.
        if (!said.has(text)) process.stderr.write(`  ● ${fullName}\n      ${text}\n`);
        said.add(text);
      }
    }
  }
}

function problemsOf(failure) {
  const { problems } = failure?.error ?? failure ?? {};
  return Array.isArray(problems) ? problems : [];
}
